import type { Command } from "commander";
import { bashScript } from "../completions/bash.ts";
import { fishScript } from "../completions/fish.ts";
import { type CommandModel, modelOf } from "../completions/model.ts";
import { powershellScript } from "../completions/powershell.ts";
import { zshScript } from "../completions/zsh.ts";
import { writeOut } from "../console.ts";
import type { Shell } from "../options.ts";

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
