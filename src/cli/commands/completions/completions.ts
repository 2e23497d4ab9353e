import type { Command } from "commander";
import { bashScript } from "./bash.ts";
import { fishScript } from "./fish.ts";
import { type CommandModel, modelOf } from "./model.ts";
import { powershellScript } from "./powershell.ts";
import { zshScript } from "./zsh.ts";
import { writeOut } from "../../terminal/console.ts";
import type { Shell } from "../../options.ts";

const SCRIPTS: Record<Shell, (program: CommandModel) => string> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
  powershell: powershellScript,
};

/**
 * `larder completions SHELL`: a script with the whole command tree in it.
 *
 * The shell never calls larder for a completion, so nothing that was typed is run or passed on, and a
 * completion takes no start-up. @bomb.sh/tab, which asks the program each time, has bash `eval` the typed
 * words and needs the bash-completion package.
 */
export function completions(program: Command, shell: Shell): void {
  writeOut(SCRIPTS[shell](modelOf(program)));
}
