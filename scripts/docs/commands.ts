/** The command tree as the generated pages need it. */
import type { Argument, Command, Option } from "commander";
import { LarderHelp } from "../../src/cli/help/help.ts";

/** Options that are described once for all commands; `fetch --version VERSION` is another one than `-V, --version`. */
const EVERYWHERE = ["-h, --help", "-V, --version"];

/** Returns the visible verbs, by the title of their group. */
export function groupsOf(program: Command): Map<string, Command[]> {
  const verbs = new LarderHelp().visibleCommands(program);
  return Map.groupBy(verbs, (verb) => verb.helpGroup().replace(/:$/, "") || "Commands");
}

/** Returns a command and the visible ones below it. */
export function withDescendants(command: Command): Command[] {
  return [command, ...new LarderHelp().visibleCommands(command).flatMap(withDescendants)];
}

/** Returns a command's own options. */
export function ownOptions(command: Command): Option[] {
  return new LarderHelp().visibleOptions(command).filter(({ flags }) =>
    !EVERYWHERE.includes(flags)
  );
}

export function usageOf(command: Command): string {
  return new LarderHelp().commandUsage(command);
}

/** Returns `<name...>` or `[name...]`. */
export function termOf(argument: Argument): string {
  const name = argument.name() + (argument.variadic ? "..." : "");
  return argument.required ? `<${name}>` : `[${name}]`;
}
