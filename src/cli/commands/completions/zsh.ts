import { type CommandModel, flatten, type OptionModel, type Value } from "./model.ts";

/** A completion script for zsh: a function a command, each a call of zsh's own `_arguments`. */
export function zshScript(program: CommandModel): string {
  return `#compdef larder
# zsh completion for larder
${flatten(program).map(commandFunction).join("\n")}

if [[ $funcstack[1] == _larder ]]; then
  _larder "$@"
else
  compdef _larder larder
fi
`;
}

function commandFunction(command: CommandModel): string {
  const specs = command.options.map(optionSpec);
  if (command.commands.length === 0) {
    if (command.argument) specs.push(quote(`*${action(command.argument)}`));
    return `
${functionName(command)}() {
  _arguments -s -S ${lines(specs)}
}`;
  }
  specs.push(quote("1:command:->command"), quote("*::argument:->argument"));
  return `
${functionName(command)}() {
  local context state state_descr line result=1
  typeset -A opt_args
  _arguments -C -s -S ${lines(specs)} && result=0
  case $state in
    command)
      local -a commands=(
${command.commands.map((child) => `        ${quote(described(child))}`).join("\n")}
      )
      _describe -t commands command commands && result=0
      ;;
    argument)
      case $line[1] in
${
    command.commands.map((child) =>
      `        ${child.path.at(-1)}) ${functionName(child)} && result=0 ;;`
    ).join("\n")
  }
      esac
      ;;
  esac
  return result
}`;
}

function functionName(command: CommandModel): string {
  return ["_larder", ...command.path].join("_").replaceAll("-", "_");
}

function described(command: CommandModel): string {
  return `${command.path.at(-1)}:${command.description}`;
}

/** `'(-k --insecure)'{-k,--insecure}'[what it does]'`: either form once. */
function optionSpec({ flags, description, value }: OptionModel): string {
  const text = `[${description.replace(/[\\[\]]/g, "\\$&")}]${value ? action(value) : ""}`;
  const forms = flags.map((flag) => flag + (value ? flag.startsWith("--") ? "=" : "+" : ""));
  return forms.length === 1
    ? quote(forms[0]! + text)
    : `${quote(`(${flags.join(" ")})`)}{${forms.join(",")}}${quote(text)}`;
}

/** `:name:(one two)` or `:name:_files`; a value of which nothing is known only has its name shown. */
function action({ name, choices, paths }: Value): string {
  const what = choices.length > 0
    ? `(${choices.join(" ")})`
    : paths === "files"
    ? "_files"
    : paths === "folders"
    ? "_files -/"
    : " ";
  return `:${name.replaceAll(":", "\\:")}:${what}`;
}

function lines(specs: readonly string[]): string {
  return specs.map((spec) => `\\\n    ${spec}`).join(" ");
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
