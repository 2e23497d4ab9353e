import { type CommandModel, flatten, type OptionModel, type Value } from "./model.ts";

/** Returns a completion script for fish: calls of `complete`, each with the typed command as its condition. */
export function fishScript(program: CommandModel): string {
  const commands = flatten(program);
  return `# fish completion for larder
# __larder_at COMMAND [POSITION [OPERAND]]: true if COMMAND has been typed and POSITION operands follow it, of which
# OPERAND is the last.
function __larder_at
    set -l command ''
    set -l value
    set -l count 0
    set -l operand
    set -l words (commandline -opc)
    for word in $words[2..-1]
        if test -n "$value"
            set value
            continue
        end
        switch "$command $word"
${commands.flatMap(steps).join("\n")}
            case '* -*'
            case '*'
                set count (math $count + 1)
                set operand $word
        end
    end
    test "$command" = "$argv[1]"; or return 1
    test (count $argv) -lt 2; or test "$count" = "$argv[2]"; or return 1
    test (count $argv) -lt 3; or test "$operand" = "$argv[3]"
end

# The names of cached entries. fish quotes them.
function __larder_entries
    set -l options
    set -l previous
    set -l words (commandline -opc)
    for word in $words[2..-1]
        if test "$previous" = --cache-dir
            set options --cache-dir $word
        else if string match -q -- '--cache-dir=*' $word
            set options --cache-dir (string replace -- --cache-dir= '' $word)
        end
        set previous $word
    end
    command larder $options __complete 2>/dev/null </dev/null
end

complete -c larder -e
complete -c larder -f
${commands.flatMap(completions).join("\n")}
`;
}

/** Returns the cases for a word before the cursor that begins a command, or is an option with a value. */
function steps({ path, commands, options }: CommandModel): string[] {
  const key = (word: string) => quote(`${path.join(" ")} ${word}`);
  const flags = options.filter((option) => option.value).flatMap(({ flags }) => flags);
  return [
    ...commands.flatMap(({ path: child, words }) => [
      `            case ${words.map(key).join(" ")}`,
      `                set command ${quote(child.join(" "))}`,
    ]),
    ...flags.length > 0
      ? [`            case ${flags.map(key).join(" ")}`, "                set value yes"]
      : [],
  ];
}

function completions(command: CommandModel): string[] {
  const { path, commands, options } = command;
  return [
    ...commands.map((child) =>
      `${at(path, 0)} -a ${quote(child.path.at(-1)!)} -d ${quote(child.description)}`
    ),
    ...options.map((option) =>
      [at(path), ...optionFlags(option), `-d ${quote(option.description)}`].join(" ")
    ),
    ...commands.length > 0 ? [] : operands(command),
  ];
}

function operands({ path, arguments: all, isVariadic }: CommandModel): string[] {
  return all.flatMap((value, i) => {
    if (value.choicesAfter) {
      return [...value.choicesAfter].map(([operand, words]) =>
        `${at(path, i, operand)} -a ${quote(words.join(" "))}`
      );
    }
    const isRepeated = isVariadic && i === all.length - 1;
    const offered = values(value);
    return offered.length > 0 ? [[at(path, isRepeated ? undefined : i), ...offered].join(" ")] : [];
  });
}

function at(path: readonly string[], ...position: (number | string | undefined)[]): string {
  const words = [path.join(" "), ...position.filter((each) => each !== undefined)];
  return `complete -c larder -n ${
    quote(`__larder_at ${words.map((each) => `"${each}"`).join(" ")}`)
  }`;
}

function optionFlags({ flags, value }: OptionModel): string[] {
  return [
    ...flags.map((flag) => flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`),
    ...value ? [value.paths === "files" ? "-r" : "-x", ...values(value)] : [],
  ];
}

function values({ choices, paths, isEntry }: Value): string[] {
  return [
    ...choices.length > 0 ? [`-a ${quote(choices.join(" "))}`] : [],
    ...isEntry ? ["-a '(__larder_entries)'"] : [],
    ...paths === "files" ? ["-F"] : [],
    ...paths === "folders" ? ["-a '(__fish_complete_directories)'"] : [],
  ];
}

function quote(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
