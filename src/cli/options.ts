import { type Command, InvalidArgumentError, Option } from "commander";
import { messageOf } from "../base/errors.ts";
import { TRANSFERS } from "../base/limits.ts";
import { parseDuration } from "../base/units.ts";

/** The options that every command takes, before or after the verb. */
export interface GlobalOptions {
  readonly cacheDir?: string;
  readonly config?: string;
  readonly offline?: boolean;
  readonly insecure?: boolean;
  readonly caFile?: string;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly progress: boolean;
}

export type Format = "table" | "json";

/** The shells that have a completion script. */
export const SHELLS = ["bash", "zsh", "fish", "powershell"] as const;
export type Shell = typeof SHELLS[number];

/** When the registry is asked about a cached tag. */
export const POLICIES = ["always", "missing", "never"] as const;

/** Returns new {@link GlobalOptions} for one command. */
export function globalOptions(): Option[] {
  return [
    new Option("--cache-dir <dir>", "keep the cache in DIR/registry"),
    new Option("--config <file>", "read this config file"),
    new Option("--offline", "never contact a registry, as with --policy never"),
    new Option("-k, --insecure", "allow plain HTTP and unverified TLS certificates"),
    new Option("--ca-file <file>", "also trust the certificates in this PEM file"),
    new Option("-q, --quiet", "print only data, warnings and errors"),
    new Option("-v, --verbose", "print more detail, and the causes of errors"),
    new Option("--no-progress", "do not show progress bars"),
  ];
}

/** Adds the global options to a command and those below it, hidden, except those that it defines itself. */
export function acceptGlobalOptions(command: Command): void {
  const own = new Set(command.options.flatMap((option) => [option.long, option.short]));
  for (const option of globalOptions()) {
    if (!own.has(option.long) && !own.has(option.short ?? "-")) {
      command.addOption(option.hideHelp());
    }
  }
  for (const child of command.commands) acceptGlobalOptions(child);
}

/** Returns the global options of a command line; an option after the verb overrides the same one before it. */
export function globalOptionsOf(command: Command): GlobalOptions {
  const names = new Set(globalOptions().map((option) => option.attributeName()));
  const options: Record<string, unknown> = {};
  for (const each of withAncestors(command)) {
    if (!each.parent) Object.assign(options, each.opts());
    for (const option of each.options) {
      const name = option.attributeName();
      if (option.hidden && names.has(name) && each.getOptionValueSource(name) === "cli") {
        options[name] = each.getOptionValue(name);
      }
    }
  }
  return options as unknown as GlobalOptions;
}

/** Returns the command and its ancestors, the program first. */
function withAncestors(command: Command): Command[] {
  return command.parent ? [...withAncestors(command.parent), command] : [command];
}

/** `--format table|json`. */
export function formatOption(): Option {
  return new Option("--format <format>", "output format").choices(["table", "json"])
    .default("table");
}

/** `--format table|json|TEMPLATE`. */
export function templateOption(): Option {
  const read = (text: string) => {
    if (text === "table" || text === "json" || isTemplate(text)) return text;
    throw new InvalidArgumentError(
      "Allowed choices are table, json, or a template such as '{{name}} {{size}}'.",
    );
  };
  return new Option("--format <format>", "output format, or a template as '{{name}} {{size}}'")
    .choices(["table", "json"]).default("table").argParser(read);
}

/** True if the value of `--format` is a template. */
export function isTemplate(text: string): boolean {
  return text.includes("{{");
}

/** `--type app --type blob`. */
export function typeOption(types: readonly string[]): Option {
  const read = (text: string, previous: readonly string[] = []) => {
    if (types.includes(text)) return [...previous, text];
    throw new InvalidArgumentError(`Allowed choices are ${types.join(", ")}.`);
  };
  return new Option("--type <type>", "only entries of this type (repeatable)").choices(types)
    .argParser(read);
}

/** `--filter EXPRESSION`. */
export function filterOption(): Option {
  return new Option("--filter <expression>", `only entries that match, as size > bytes("100MB")`);
}

/** `--transfers N`. */
export function transfersOption(): Option {
  return new Option("--transfers <n>", `parallel transfers (default: ${TRANSFERS})`)
    .argParser(transfers);
}

/** Returns the options of every command that pulls; see `PullingOptions`. */
export function pullingOptions(): Option[] {
  return [
    new Option("--policy <when>", "when to ask the registry about a cached tag").choices(POLICIES),
    new Option(
      "--stale-if-error <duration>",
      "if the registry fails, use a cached copy confirmed within this time",
    ).argParser(duration),
    new Option("--platform <os/arch[/variant]>", "platform to select from an index"),
    transfersOption(),
  ];
}

/** Returns the options of every command that deletes files. */
export function sweepOptions(): Option[] {
  return [
    new Option("--dry-run", "show the plan and delete nothing"),
    new Option("--force", "do not ask for confirmation"),
    formatOption(),
  ];
}

/** Reads a number of days, such as `7` or `0.5`. */
export function days(text: string): number {
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a number of days.");
}

/** Collects the values of a repeatable option. */
export function collect(value: string, previous: readonly string[] = []): string[] {
  return [...previous, value];
}

function duration(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    throw new InvalidArgumentError(messageOf(error));
  }
}

function transfers(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1 && number <= 64) return number;
  throw new InvalidArgumentError("It must be a whole number from 1 to 64.");
}
