import { type Argument, type Command, Help, type Option } from "commander";
import { LarderError } from "../../base/errors.ts";
import { nearestFew } from "../../base/nearest.ts";
import { HelpRequest, UnknownCommand } from "../command.ts";
import { type Example, examplesOf } from "./examples.ts";
import { hintForVerb, verbsFor } from "./habits.ts";
import { writeErr, writeOut } from "../terminal/console.ts";

/** Columns of help that is not printed on a terminal. */
const PLAIN_WIDTH = 80;

/** Columns beyond which lines are hard to read. */
const MAX_WIDTH = 100;

/** Verbs that are suggested in place of an unknown one. */
const SUGGESTIONS = 3;

/** Prints the help of a command and returns the exit code. */
export function printHelp({ command, isError }: HelpRequest): number {
  const stream = isError ? Deno.stderr : Deno.stdout;
  const width = stream.isTerminal() ? Deno.consoleSize().columns : PLAIN_WIDTH;
  (isError ? writeErr : writeOut)(helpText(command, Math.min(width, MAX_WIDTH)));
  return isError ? 2 : 0;
}

/** Returns the help of a command, in lines of at most `width` columns. */
export function helpText(command: Command, width: number): string {
  const help = new LarderHelp();
  help.helpWidth = width;
  return help.formatHelp(command);
}

/**
 * Ends parsing with the help of the command that `larder help config set` names.
 * @throws HelpRequest, or UnknownCommand if there is no such command
 */
export function requestHelp(parent: Command, names: readonly string[]): never {
  let command = parent;
  for (const name of names) {
    const child = command.commands.find((each) =>
      each.name() === name || each.aliases().includes(name)
    );
    if (!child) throw new UnknownCommand(command, name);
    command = child;
  }
  throw new HelpRequest(command, false);
}

/** Returns the error for a verb that does not exist, with the nearest verbs as its hint. */
export function unknownCommand({ parent, verb }: UnknownCommand): LarderError {
  const verbs = new LarderHelp().visibleCommands(parent).map((command) => command.name());
  const path = pathOf(parent);
  const known = verbsFor([...path, verb]);
  const near = known.length > 0 ? known : nearestFew(verb, verbs, SUGGESTIONS);
  const help = ["larder help", ...path].join(" ");
  return new LarderError("LDR_USAGE", `unknown command '${verb}'`, {
    hint: hintForVerb([...path, verb]) ??
      (near.length > 0
        ? `did you mean ${new Intl.ListFormat("en-GB", { type: "disjunction" }).format(near)}?`
        : verbs.length > 0
        ? `${help} lists the commands`
        : `${help} prints the help of larder ${path.join(" ")}`),
  });
}

/** Returns the names from the verb down to the command; none for larder itself. */
export function pathOf(command: Command): string[] {
  return command.parent ? [...pathOf(command.parent), command.name()] : [];
}

/** The layout of help: commands in groups and without aliases, global options once, examples last. */
export class LarderHelp extends Help {
  override commandUsage(command: Command): string {
    return ["larder", ...pathOf(command), command.usage()].join(" ");
  }

  override subcommandTerm(command: Command): string {
    return command.name();
  }

  override optionDescription({ description, argChoices, defaultValue, negate }: Option): string {
    return description + choices(argChoices) +
      (defaultValue === undefined || negate ? "" : ` (default: ${defaultValue})`);
  }

  override argumentDescription({ description, argChoices }: Argument): string {
    return description + choices(argChoices);
  }

  /** Global options are accepted by every command, and `--version` only by larder itself. */
  override visibleGlobalOptions(command: Command): Option[] {
    this.showGlobalOptions = true;
    return super.visibleGlobalOptions(command).filter(({ long }) => long !== "--version");
  }

  override formatHelp(command: Command): string {
    const width = this.padWidth(command, this);
    const section = (title: string, items: readonly (readonly [term: string, text: string])[]) =>
      items.length === 0 ? "" : `\n${title}\n` +
        items.map(([term, text]) => `${this.formatItem(term, width, text, this)}\n`).join("");
    const options = (list: readonly Option[]) =>
      list.map((option) => [this.optionTerm(option), this.optionDescription(option)] as const);
    const groups = Map.groupBy(this.visibleCommands(command), (each) => each.helpGroup());
    return [
      `Usage: ${this.commandUsage(command)}\n\n`,
      `${this.boxWrap(command.description(), this.helpWidth ?? PLAIN_WIDTH)}\n`,
      ...groups.entries().map(([title, commands]) =>
        section(
          title || "Commands:",
          commands.map((each) => [this.subcommandTerm(each), this.subcommandDescription(each)]),
        )
      ),
      section(
        "Arguments:",
        this.visibleArguments(command).map((each) => [
          this.argumentTerm(each),
          this.argumentDescription(each),
        ]),
      ),
      section(
        command.parent ? "Options:" : "Global options:",
        options(this.visibleOptions(command)),
      ),
      section("Global options:", options(this.visibleGlobalOptions(command))),
      exampleSection(examplesOf(pathOf(command))),
    ].join("");
  }
}

function choices(values: readonly string[] | undefined): string {
  return values ? ` (${values.join(", ")})` : "";
}

function exampleSection(examples: readonly Example[]): string {
  if (examples.length === 0) return "";
  return "\nExamples:\n" +
    examples.map(({ comment, line }) => `  # ${comment}\n  ${line}\n`).join("");
}
