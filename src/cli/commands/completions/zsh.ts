import { type CommandModel, flatten, type OptionModel, type Value } from "./model.ts";

/** Returns a completion script for zsh: a function for each command, which calls zsh's `_arguments`. */
export function zshScript(program: CommandModel): string {
  return `#compdef larder
# zsh completion for larder

# The names of cached entries. zsh quotes them.
_larder_entries() {
  local cache=\${larder_cache-}
  local -i i=\${words[(I)--cache-dir]}
  (( i )) && cache=\${(Q)words[i+1]}
  i=\${words[(I)--cache-dir=*]}
  (( i )) && cache=\${(Q)words[i]#*=}
  local -a options=(\${cache:+--cache-dir} \${cache:+"$cache"}) names
  names=(\${(f)"$(command larder "\${options[@]}" __complete </dev/null 2>/dev/null)"})
  compadd "$@" -a names
}

_larder_entries_and_files() {
  _alternative 'entries:entry:_larder_entries' 'files:file:_files'
}
${flatten(program).map(commandFunction).join("\n")}

if [[ $funcstack[1] == _larder ]]; then
  _larder "$@"
else
  compdef _larder larder
fi
`;
}

function commandFunction(command: CommandModel): string {
  return command.commands.length > 0 ? groupFunction(command) : leafFunction(command);
}

function leafFunction(command: CommandModel): string {
  const { arguments: all, isVariadic } = command;
  const specs = [
    ...command.options.map(optionSpec),
    ...all.map((value, i) => {
      const position = isVariadic && i === all.length - 1 ? "*" : String(i + 1);
      return quote(`${position}${value.choicesAfter ? `:${value.name}:->after` : action(value)}`);
    }),
  ];
  const dependent = all.find((value) => value.choicesAfter);
  if (!dependent) {
    return `
${functionName(command)}() {
  _arguments -s -S ${lines(specs)}
}`;
  }
  return `
${functionName(command)}() {
  local context state state_descr line result=1
  typeset -A opt_args
  _arguments -C -s -S ${lines(specs)} && result=0
  if [[ $state == after ]]; then
    case $line[1] in
${
    dependent.choicesAfter!.entries().map(([operand, words]) =>
      `      ${operand}) compadd ${words.join(" ")} && result=0 ;;`
    ).toArray().join("\n")
  }
    esac
  fi
  return result
}`;
}

function groupFunction(command: CommandModel): string {
  const specs = [
    ...command.options.map(optionSpec),
    quote("1:command:->command"),
    quote("*::argument:->argument"),
  ];
  return `
${functionName(command)}() {
  local context state state_descr line result=1
  typeset -A opt_args
  _arguments -C -A '-*' -s -S ${lines(specs)} && result=0
  local larder_cache=\${(Q)opt_args[--cache-dir]:-\${larder_cache-}}
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
      `        ${child.words.join("|")}) ${functionName(child)} && result=0 ;;`
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

/** Returns `'(-k --insecure)'{-k,--insecure}'[description]'`, which offers one of the two forms. */
function optionSpec({ flags, description, value }: OptionModel): string {
  const text = `[${description.replace(/[\\[\]]/g, "\\$&")}]${value ? action(value) : ""}`;
  const forms = flags.map((flag) => flag + (value ? flag.startsWith("--") ? "=" : "+" : ""));
  return forms.length === 1
    ? quote(forms[0]! + text)
    : `${quote(`(${flags.join(" ")})`)}{${forms.join(",")}}${quote(text)}`;
}

/** Returns `:name:(one two)` or `:name:_files`; zsh shows only the name of any other value. */
function action({ name, choices, paths, isEntry }: Value): string {
  const completer = choices.length > 0
    ? `(${choices.join(" ")})`
    : isEntry
    ? paths === "files" ? "_larder_entries_and_files" : "_larder_entries"
    : paths === "files"
    ? "_files"
    : paths === "folders"
    ? "_files -/"
    : " ";
  return `:${name.replaceAll(":", "\\:")}:${completer}`;
}

function lines(specs: readonly string[]): string {
  return specs.map((spec) => `\\\n    ${spec}`).join(" ");
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
