import { Argument, type Command, Option } from "commander";
import { LarderError } from "../base/errors.ts";
import { TRANSFERS } from "../base/limits.ts";
import type { SandboxChoice } from "../builds/sandbox/sandbox_choice.ts";
import { parseBytes, parseDuration } from "../base/units.ts";
import { badOption, notAChoice } from "./errors.ts";

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

/** What separates the command of a build from the system. */
const SANDBOXES = ["auto", "bwrap", "none"] as const satisfies readonly SandboxChoice[];

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

/**
 * Refuses an option with an empty value, such as `--cache-dir "$UNSET"`, which would be as if it were left out.
 * @throws UsageProblem
 */
export function rejectEmptyValues(command: Command): void {
  for (const each of withAncestors(command)) {
    for (const option of each.options) {
      const value: unknown = each.getOptionValue(option.attributeName());
      const isEmpty = Array.isArray(value) ? value.includes("") : value === "";
      if (isEmpty) each.error(`'${option.flags}'`, { code: "commander.optionMissingArgument" });
    }
  }
}

/** Returns the command and its ancestors, the program first. */
function withAncestors(command: Command): Command[] {
  return command.parent ? [...withAncestors(command.parent), command] : [command];
}

/** `--format table|json`. */
export function formatOption(): Option {
  return choiceOption("--format <format>", "output format", ["table", "json"]).default("table");
}

/** `--format table|json|TEMPLATE`. */
export function templateOption(): Option {
  const choices = ["table", "json"];
  const description = "output format, or a template such as '{{name}} {{size}}'";
  const option = valueOption("--format <format>", description, (text) => {
    if (choices.includes(text) || isTemplate(text)) return text;
    throw notAChoice(text, [...choices, "a template such as '{{name}} {{size}}'"]);
  });
  option.argChoices = choices;
  return option.default("table");
}

/** True if the value of `--format` is a template. */
export function isTemplate(text: string): boolean {
  return text.includes("{{");
}

/** `--type app --type blob`. */
export function typeOption(types: readonly string[]): Option {
  const description = "only entries of this type (repeatable)";
  return choiceOption("--type <type>", description, types, collect);
}

/** `--filter EXPRESSION`. */
export function filterOption(): Option {
  return new Option(
    "--filter <expression>",
    `only entries that match, such as size > bytes("100MB")`,
  );
}

/** `--transfers N`. */
export function transfersOption(): Option {
  const description = `parallel transfers (default: ${TRANSFERS})`;
  return valueOption("--transfers <n>", description, transfers);
}

/** Returns the options of every command that pulls; see `PullingOptions`. */
export function pullingOptions(): Option[] {
  return [
    choiceOption("--policy <when>", "when to ask the registry about a cached tag", POLICIES),
    valueOption(
      "--stale-if-error <duration>",
      "if the registry fails, use a cached copy confirmed within this time",
      parseDuration,
    ),
    new Option("--platform <os/arch[/variant]>", "platform to select from an index"),
    frozenOption(),
    transfersOption(),
  ];
}

/** `--frozen`. */
export function frozenOption(): Option {
  return new Option("--frozen", "use the digests in larder.lock of this folder, or fail");
}

/** Returns the options of every command that deletes files. */
export function sweepOptions(): Option[] {
  return [
    new Option("--dry-run", "show the plan and delete nothing"),
    new Option("--force", "do not ask for confirmation"),
    formatOption(),
  ];
}

/** Returns the options of a build besides those that say what is built. */
export function buildOptions(): Option[] {
  return [
    new Option("-o, --output <path>", "file or folder to write the result to"),
    choiceOption("--sandbox <kind>", "what the command runs in", SANDBOXES).default("auto"),
    new Option("--explain", "say how the build differs from the nearest cached one"),
    new Option("--strict", "fail instead of running the command"),
    new Option("--rebuild", "run the command even if the result is cached, and replace that"),
    new Option("--no-image-cache", "neither use nor store a cached result"),
    new Option("--no-package-cache", "fetch packages without the cache"),
    ...pullingOptions(),
    formatOption(),
  ];
}

/** `--max-memory SIZE`, in bytes, and `--timeout DURATION`, in milliseconds. */
export function guestLimitOptions(): Option[] {
  return [
    valueOption("--max-memory <size>", "maximum memory of a guest (default: 1GiB)", (text) => {
      const bytes = parseBytes(text);
      if (bytes >= MIN_MEMORY && bytes <= MAX_MEMORY) return bytes;
      throw new LarderError("LDR_USAGE", `"${text}" is not between 64KiB and 4GiB`, {
        hint: "Wasm has memories of these sizes: write one such as 256MiB",
      });
    }),
    valueOption(
      "--timeout <duration>",
      "maximum time for a command, or for each request",
      (text) => {
        const milliseconds = Math.ceil(parseDuration(text));
        if (milliseconds > 0) return Math.min(milliseconds, MAX_TIMER);
        throw new LarderError("LDR_USAGE", `"${text}" leaves no time to run`, {
          hint: "write a duration such as 30s, or leave the option out",
        });
      },
    ),
  ];
}

/** Bytes of the smallest and the largest memory of Wasm with 32-bit addresses. */
const MIN_MEMORY = 64 * 1024;
const MAX_MEMORY = 4 * 1024 ** 3;

/** Milliseconds after which timers of the runtime would overflow. */
const MAX_TIMER = 2 ** 31 - 1;

/** `--days N`, a number such as `7` or `0.5`. */
export function daysOption(): Option {
  return valueOption("--days <n>", "only entries unused for this many days", (text) => {
    if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text);
    throw new LarderError("LDR_USAGE", `"${text}" is not a number of days`, {
      hint: "write a number without a unit, such as 30",
    });
  });
}

/**
 * Returns an option whose value `read` converts.
 * @param read fails with a LarderError that says what is wrong with the value; the option is named here
 */
export function valueOption<T>(
  flags: string,
  description: string,
  read: (text: string, previous: T | undefined) => T,
): Option {
  const option = new Option(flags, description);
  return option.argParser<T>((text, previous) => {
    try {
      return read(text, previous);
    } catch (error) {
      throw error instanceof LarderError ? badOption(option.long!, error) : error;
    }
  });
}

/** Returns an option that takes one of a few values. @param add adds the value to those before it */
export function choiceOption<T>(
  flags: string,
  description: string,
  choices: readonly string[],
  add: (text: string, previous: T | undefined) => T | string = (text) => text,
): Option {
  const option = valueOption<T | string>(flags, description, (text, previous) => {
    if (choices.includes(text)) return add(text, previous as T | undefined);
    throw notAChoice(text, choices);
  });
  option.argChoices = [...choices];
  return option;
}

/** Returns an argument that takes one of a few values. */
export function choiceArgument(
  name: string,
  description: string,
  choices: readonly string[],
): Argument {
  const argument = new Argument(name, description);
  argument.argChoices = [...choices];
  return argument.argParser((text) => {
    if (choices.includes(text)) return text;
    throw badOption(argument.name(), notAChoice(text, choices));
  });
}

/** Collects the values of a repeatable option. */
export function collect(value: string, previous: readonly string[] = []): string[] {
  return [...previous, value];
}

function transfers(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1 && number <= 64) return number;
  throw new LarderError("LDR_USAGE", `"${text}" is not a whole number from 1 to 64`, {
    hint: `leave it out for ${TRANSFERS}`,
  });
}
