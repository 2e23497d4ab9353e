import { type CommandModel, flatten, type Value } from "./model.ts";

/**
 * A completion script for bash 4 and later (3.2 completes all but paths). It compares the typed words with
 * constants and expands none of them, and needs no bash-completion package.
 */
export function bashScript(program: CommandModel): string {
  const commands = flatten(program);
  return `# bash completion for larder
_larder() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]}
  local command= word= value= operands= i words=() paths=
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ $value ]]; then
      # Of --option=value, bash makes three words.
      [[ $word == "=" ]] || value=
      continue
    fi
    case "$command $word" in
${commands.flatMap(steps).join("\n")}
    *' --') operands=yes ;;
    esac
  done
  if [[ $cur == "=" ]]; then
    cur=
  elif [[ $prev == "=" ]]; then
    prev=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  case "$command $prev" in
${commands.flatMap(values).join("\n")}
  *)
    case "$command $cur" in
${commands.map(options).join("\n")}
${commands.flatMap(operands).join("\n")}
    esac
    ;;
  esac
  for word in "\${words[@]}"; do
    [[ $word == "$cur"* ]] && COMPREPLY+=("$word")
  done
  [[ $paths ]] && compopt -o "$paths" 2>/dev/null
  return 0
}
complete -F _larder larder
`;
}

/** What a word before the cursor does: begin a command, or announce a value. */
function steps(command: CommandModel): string[] {
  const path = command.path.join(" ");
  const flags = command.options.filter((option) => option.value).flatMap(({ flags }) => flags);
  return [
    ...command.commands.map(({ path: child }) =>
      `    ${pattern(path, child.at(-1)!)}) command=${quote(child.join(" "))} ;;`
    ),
    ...flags.length > 0
      ? [`    ${flags.map((flag) => pattern(path, flag)).join(" | ")}) value=yes ;;`]
      : [],
  ];
}

/** What can follow an option that takes a value. */
function values(command: CommandModel): string[] {
  const path = command.path.join(" ");
  return command.options.flatMap(({ flags, value }) =>
    value
      ? [`  ${flags.map((flag) => pattern(path, flag)).join(" | ")}) ${assignments(value)}`]
      : []
  );
}

function options(command: CommandModel): string {
  const flags = command.options.flatMap((option) => option.flags);
  const path = pattern(command.path.join(" "), "-");
  return `    ${path}*) [[ $operands ]] || words=(${flags.join(" ")}) ;;`;
}

function operands(command: CommandModel): string[] {
  const names = command.commands.map(({ path }) => path.at(-1)!);
  const value = command.argument ?? { name: "", choices: [] };
  const all = { ...value, choices: [...names, ...value.choices] };
  if (all.choices.length === 0 && !all.paths) return [];
  return [`    ${pattern(command.path.join(" "), "")}*) ${assignments(all)}`];
}

function assignments({ choices, paths }: Value): string {
  const parts = [
    ...choices.length > 0 ? [`words=(${choices.map(quote).join(" ")})`] : [],
    ...paths ? [`paths=${paths === "files" ? "default" : "dirnames"}`] : [],
  ];
  return [...parts, ";;"].join(" ");
}

/** A case pattern that matches a word behind a command, and nothing else. */
function pattern(path: string, word: string): string {
  return `'${path} ${word}'`;
}

function quote(word: string): string {
  return /^[\w./:-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
