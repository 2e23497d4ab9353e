import { type Command, InvalidArgumentError, Option } from "commander";
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

/** The shells that completion scripts can be had for. */
export const SHELLS = ["bash", "zsh", "fish", "powershell"] as const;
export type Shell = typeof SHELLS[number];

/** The options that {@link GlobalOptions} are read from, made anew for each command. */
export function globalOptions(): Option[] {
  return [
    new Option("--cache-dir <dir>", "keep the cache in DIR/registry"),
    new Option("--config <file>", "read this config file"),
    new Option("--offline", "never contact a registry (--policy never)"),
    new Option("-k, --insecure", "accept plain HTTP and unverified TLS"),
    new Option("--ca-file <file>", "also trust the certificates in this PEM file"),
    new Option("-q, --quiet", "print only data, warnings and errors"),
    new Option("-v, --verbose", "print more, and the causes of errors"),
    new Option("--no-progress", "no progress bars"),
  ];
}

/** The global options of a command line: of those that stand more than once, the last counts. */
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

/** From larder itself down to the command. */
function withAncestors(command: Command): Command[] {
  return command.parent ? [...withAncestors(command.parent), command] : [command];
}

/** `--format table|json`. */
export function formatOption(): Option {
  return new Option("--format <format>", "how to print").choices(["table", "json"]).default(
    "table",
  );
}

/** `--type app --type blob`: what is looked at. */
export function typeOption(types: readonly string[]): Option {
  const collect = (text: string, given: readonly string[] | undefined) => {
    if (types.includes(text)) return [...given ?? [], text];
    throw new InvalidArgumentError(`Allowed choices are ${types.join(", ")}.`);
  };
  return new Option("--type <type>", "only what is of this type (repeatable)").choices(types)
    .argParser(collect);
}

/** `--filter EXPRESSION`. */
export function filterOption(): Option {
  return new Option("--filter <expression>", 'only what fits, as size > bytes("100MB")');
}

/** `--format table|json|TEMPLATE`. */
export function templateOption(): Option {
  const read = (text: string) => {
    if (text === "table" || text === "json" || isTemplate(text)) return text;
    throw new InvalidArgumentError(
      "Allowed choices are table, json, or a template such as '{{name}} {{size}}'.",
    );
  };
  return new Option("--format <format>", "how to print; also a template as '{{name}} {{size}}'")
    .choices(["table", "json"]).default("table").argParser(read);
}

/** Whether what `--format` says is a template: it prints something of each item. */
export function isTemplate(text: string): boolean {
  return text.includes("{{");
}

/** Reads `30d` on the command line. */
export function duration(text: string): number {
  return argument(() => parseDuration(text));
}

/** Reads a number of transfers on the command line. */
export function wholeNumber(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1 && number <= 64) return number;
  throw new InvalidArgumentError("It must be a whole number from 1 to 64.");
}

function argument<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

/** When the registry is asked about a tag that is cached. */
export const POLICIES = ["always", "missing", "never"] as const;
