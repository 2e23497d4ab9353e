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
 * `larder completions SHELL`: prints a script with the whole command tree in it.
 *
 * The shell calls larder only for the names of entries (`larder __complete`), and never evaluates what was typed or
 * what larder printed. @bomb.sh/tab, which asks the program for every completion, has bash `eval` the typed words and
 * needs the bash-completion package.
 */
export function completions(program: Command, shell: Shell): void {
  writeOut(SCRIPTS[shell](modelOf(program)));
}
