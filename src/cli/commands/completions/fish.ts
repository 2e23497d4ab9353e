import { type CommandModel, flatten, type OptionModel, type Value } from "./model.ts";

/** A completion script for fish: `complete` calls, each for the command that has been typed so far. */
export function fishScript(program: CommandModel): string {
  const commands = flatten(program);
  return `# fish completion for larder
function __larder_at
    set -l command ''
    set -l value
    set -l words (commandline -opc)
    for word in $words[2..-1]
        if test -n "$value"
            set value
            continue
        end
        switch "$command $word"
${commands.flatMap(steps).join("\n")}
        end
    end
    test "$command" = "$argv[1]"
end

complete -c larder -e
complete -c larder -f
${commands.flatMap(completions).join("\n")}
`;
}

/** What a word before the cursor does: begin a command, or announce a value. */
function steps({ path, commands, options }: CommandModel): string[] {
  const key = (word: string) => quote(`${path.join(" ")} ${word}`);
  const flags = options.filter((option) => option.value).flatMap(({ flags }) => flags);
  return [
    ...commands.flatMap(({ path: child }) => [
      `            case ${key(child.at(-1)!)}`,
      `                set command ${quote(child.join(" "))}`,
    ]),
    ...flags.length > 0
      ? [`            case ${flags.map(key).join(" ")}`, "                set value yes"]
      : [],
  ];
}

function completions({ path, commands, options, argument }: CommandModel): string[] {
  const at = `complete -c larder -n ${quote(`__larder_at "${path.join(" ")}"`)}`;
  return [
    ...commands.map((child) =>
      `${at} -a ${quote(child.path.at(-1)!)} -d ${quote(child.description)}`
    ),
    ...options.map((option) =>
      [at, ...optionFlags(option), `-d ${quote(option.description)}`].join(" ")
    ),
    ...argument && (argument.choices.length > 0 || argument.paths)
      ? [[at, ...values(argument)].join(" ")]
      : [],
  ];
}

function optionFlags({ flags, value }: OptionModel): string[] {
  return [
    ...flags.map((flag) => flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`),
    ...value ? [value.paths === "files" ? "-r" : "-x", ...values(value)] : [],
  ];
}

function values({ choices, paths }: Value): string[] {
  if (choices.length > 0) return [`-a ${quote(choices.join(" "))}`];
  if (paths === "files") return ["-F"];
  return paths === "folders" ? ["-a '(__fish_complete_directories)'"] : [];
}

function quote(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
