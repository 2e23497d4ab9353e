import type { Argument, Command, Option } from "commander";

/** What can stand in a place of the command line. */
export interface Value {
  /** Its name in the help, as in `<file>`. */
  readonly name: string;
  readonly choices: readonly string[];
  readonly paths?: "files" | "folders" | undefined;
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
  readonly description: string;
  readonly options: readonly OptionModel[];
  readonly commands: readonly CommandModel[];
  /** What any of its arguments can be; undefined where it takes none. */
  readonly argument?: Value | undefined;
}

/** What can be a path although its name does not say so: a reference can be `./spin.toml`. */
const PATHS: ReadonlyMap<string, Value["paths"]> = new Map([
  ["pull reference", "files"],
  ["run reference", "files"],
  ["run --dir", "folders"],
]);

/** The command that commander adds by itself; its argument is another command. */
const HELP = "help";

/** Reads the command tree; options that every command takes appear in each. */
export function modelOf(command: Command, path: readonly string[] = []): CommandModel {
  const help = command.createHelp();
  const inherited = command.options.filter((option) =>
    option.hidden &&
    command.parent?.options.some(({ long, hidden }) => long === option.long && !hidden)
  );
  const children = help.visibleCommands(command).map((child) => [child.name(), child] as const);
  const names = children.map(([name]) => name).filter((name) => name !== HELP);
  return {
    path,
    description: help.subcommandDescription(command),
    options: [...help.visibleOptions(command), ...inherited].map((option) =>
      optionModel(path, option)
    ),
    commands: children.map(([name, child]) => {
      const model = modelOf(child, [...path, name]);
      return name === HELP ? { ...model, argument: { name: "command", choices: names } } : model;
    }),
    argument: argumentModel(path, command.registeredArguments),
  };
}

/** The command and every one below it, each before its own. */
export function flatten(model: CommandModel): CommandModel[] {
  return [model, ...model.commands.flatMap(flatten)];
}

function optionModel(path: readonly string[], option: Option): OptionModel {
  return {
    flags: [option.short, option.long].filter((flag) => flag !== undefined),
    description: option.description,
    value: option.required
      ? valueModel(
        /<(.+)>/.exec(option.flags)?.[1] ?? "value",
        option.argChoices,
        PATHS.get([...path, option.long].join(" ")),
      )
      : undefined,
  };
}

function argumentModel(
  path: readonly string[],
  registered: readonly Argument[],
): Value | undefined {
  const values = registered.map((argument) =>
    valueModel(
      argument.name(),
      argument.argChoices,
      PATHS.get([...path, argument.name()].join(" ")),
    )
  );
  return values[0] && {
    name: values[0].name,
    choices: values.flatMap((value) => value.choices),
    paths: values.find((value) => value.paths)?.paths,
  };
}

function valueModel(
  name: string,
  choices: readonly string[] = [],
  paths: Value["paths"] = name === "file" ? "files" : name === "dir" ? "folders" : undefined,
): Value {
  return { name, choices, paths };
}
