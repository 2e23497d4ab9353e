import type { Argument, Command, Option } from "commander";
import { choicesOf, keyOf, SETTINGS } from "../../config/settings.ts";
import { LarderHelp } from "../../help/help.ts";
import { FIELD_NAMES } from "../../query/fields.ts";

/** The values that an argument or an option can have. */
export interface Value {
  /** Its name in the help, as in `<file>`. */
  readonly name: string;
  readonly choices: readonly string[];
  readonly paths?: "files" | "folders" | undefined;
  /** True if the names of cached entries are values. */
  readonly isEntry?: boolean | undefined;
  /** The values for each value of the argument before it. */
  readonly choicesAfter?: ReadonlyMap<string, readonly string[]> | undefined;
}

export interface OptionModel {
  /** `-k` and `--insecure`, or one of them. */
  readonly flags: readonly string[];
  readonly description: string;
  /** Undefined for a switch. */
  readonly value?: Value | undefined;
}

/** A command as the completion scripts see it. */
export interface CommandModel {
  /** Empty for larder itself. */
  readonly path: readonly string[];
  /** The last word of {@link path} and its aliases, which are completed after, but not offered. */
  readonly words: readonly string[];
  readonly description: string;
  readonly options: readonly OptionModel[];
  readonly commands: readonly CommandModel[];
  readonly arguments: readonly Value[];
  /** True if the last argument can be repeated. */
  readonly isVariadic: boolean;
}

const KEYS = SETTINGS.map(({ path }) => keyOf(path)).filter((key) => !key.includes("*"));

const VALUES_OF_KEYS = new Map(
  SETTINGS.map((setting) => [keyOf(setting.path), choicesOf(setting)] as const)
    .filter(([key, choices]) => KEYS.includes(key) && choices.length > 0),
);

/** The values that the command tree does not name. */
const VALUES: ReadonlyMap<string, Partial<Value>> = new Map<string, Partial<Value>>([
  ["pull reference", { paths: "files", isEntry: true }],
  ["export name", { paths: "files", isEntry: true }],
  ["import path", { paths: "files" }],
  ["run reference", { paths: "files", isEntry: true }],
  ["run args", { paths: "files" }],
  ["run --dir", { paths: "folders" }],
  ["list --sort", { choices: FIELD_NAMES }],
  ["config get key", { choices: KEYS }],
  ["config set key", { choices: KEYS }],
  ["config set value", { choicesAfter: VALUES_OF_KEYS }],
  ["config unset key", { choices: KEYS }],
]);

/** A hidden verb with the options of another. */
const HIDDEN_ALIASES: Readonly<Record<string, readonly string[]>> = { list: ["images"] };

/** Reads the command tree; global options are part of each command. */
export function modelOf(command: Command, path: readonly string[] = []): CommandModel {
  const help = new LarderHelp();
  const global = new Set(rootOf(command).options.map(({ long }) => long));
  const inherited = command.options.filter(({ hidden, long }) => hidden && global.has(long));
  const registered = command.registeredArguments;
  return {
    path,
    words: [command.name(), ...command.aliases(), ...HIDDEN_ALIASES[path.join(" ")] ?? []],
    description: help.subcommandDescription(command),
    options: [...help.visibleOptions(command), ...inherited].map((option) =>
      optionModel(path, option)
    ),
    commands: help.visibleCommands(command).map((child) => modelOf(child, [...path, child.name()])),
    arguments: command.name() === "help"
      ? commandNames(help, command.parent!)
      : registered.map((argument) => argumentModel(path, argument)),
    isVariadic: command.name() !== "help" && registered.at(-1)?.variadic === true,
  };
}

function rootOf(command: Command): Command {
  return command.parent ? rootOf(command.parent) : command;
}

/** Returns the command and all commands below it, parents first. */
export function flatten(model: CommandModel): CommandModel[] {
  return [model, ...model.commands.flatMap(flatten)];
}

/** The arguments of `larder help`: a verb, and a command of that verb. */
function commandNames(help: LarderHelp, parent: Command): Value[] {
  const verbs = help.visibleCommands(parent).filter((verb) => verb.name() !== "help");
  const commands = verbs.map((verb) =>
    [verb.name(), help.visibleCommands(verb).map((command) => command.name())] as const
  );
  return [
    { name: "command", choices: verbs.map((verb) => verb.name()) },
    {
      name: "command",
      choices: [],
      choicesAfter: new Map(commands.filter(([, names]) => names.length > 0)),
    },
  ];
}

function optionModel(path: readonly string[], option: Option): OptionModel {
  return {
    flags: [option.short, option.long].filter((flag) => flag !== undefined),
    description: option.description,
    value: option.required
      ? {
        ...valueModel(/<(.+)>/.exec(option.flags)?.[1] ?? "value", option.argChoices),
        ...VALUES.get([...path, option.long].join(" ")),
      }
      : undefined,
  };
}

function argumentModel(path: readonly string[], argument: Argument): Value {
  return {
    ...valueModel(argument.name(), argument.argChoices),
    isEntry: argument.name() === "name",
    ...VALUES.get([...path, argument.name()].join(" ")),
  };
}

function valueModel(name: string, choices: readonly string[] = []): Value {
  return {
    name,
    choices,
    paths: name === "file" ? "files" : name === "dir" ? "folders" : undefined,
  };
}
