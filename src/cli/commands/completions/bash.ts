import { shellWord } from "../../../base/errors.ts";
import { type CommandModel, flatten, type Value } from "./model.ts";

/**
 * Returns a completion script for bash 4 and later (3.2 completes everything except paths). It compares typed words and
 * names of entries as data, evaluates none of them, and does not need the bash-completion package.
 */
export function bashScript(program: CommandModel): string {
  const commands = flatten(program);
  return `# bash completion for larder
_larder() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]}
  local command= word= value= operands= i words=() paths= entries= cache= count=0 operand=
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ $value ]]; then
      # Of --option=value, bash makes three words.
      [[ $word == "=" ]] && continue
      [[ $value == --cache-dir ]] && cache=$word
      value=
      continue
    fi
    case "$command $word" in
${commands.flatMap(steps).join("\n")}
    *' --') operands=yes ;;
    *' -'*) ;;
    *)
      # Of name:tag, bash makes three words.
      if [[ $operand && ( $word == [:@=] || $operand == *[:@=] ) ]]; then
        operand+=$word
      else
        count=$((count + 1)) operand=$word
      fi
      ;;
    esac
  done
  if [[ $cur == "=" ]]; then
    cur=
  elif [[ $prev == "=" ]]; then
    prev=\${COMP_WORDS[COMP_CWORD - 2]}
  elif [[ $operand && ( $cur == [:@] || $operand == *[:@] ) ]]; then
    # The cursor is within an operand that was counted.
    count=$((count - 1))
  fi
  case "$command $prev" in
${commands.flatMap(values).join("\n")}
  *)
    case "$command $cur" in
${commands.map(options).join("\n")}
    *)
      case "$command $count" in
${commands.flatMap(operands).join("\n")}
      esac
      ;;
    esac
    ;;
  esac
  for word in "\${words[@]}"; do
    [[ $word == "$cur"* ]] && COMPREPLY+=("$word")
  done
  [[ $entries ]] && _larder_entries "$cur" "$cache"
  [[ $paths ]] && compopt -o "$paths" 2>/dev/null
  return 0
}

# _larder_entries WORD CACHE: adds the names of cached entries, quoted.
_larder_entries() {
  local typed=$1 done= cache=\${2/#'~/'/"\${HOME-}/"} name
  if [[ \${COMP_LINE-} ]]; then
    typed=\${COMP_LINE:0:COMP_POINT}
    typed=\${typed##*[[:space:]]}
  fi
  # bash replaces only what follows the last : or @.
  if [[ $1 == [:@] ]]; then
    done=$typed
  else
    done=\${typed%"$1"}
  fi
  while IFS= read -r name; do
    [[ $name == "$typed"* ]] || continue
    printf -v name %q "\${name#"$done"}"
    COMPREPLY+=("$name")
  done < <(command larder \${cache:+--cache-dir "$cache"} __complete </dev/null 2>/dev/null)
}
complete -F _larder larder
`;
}

/** Returns the cases for a word before the cursor that begins a command, or is an option with a value. */
function steps(command: CommandModel): string[] {
  const path = command.path.join(" ");
  const flags = command.options.filter((option) => option.value).flatMap(({ flags }) => flags);
  return [
    ...command.commands.map(({ path: child, words }) => {
      const patterns = words.map((word) => pattern(path, word)).join(" | ");
      return `    ${patterns}) command=${shellWord(child.join(" "))} ;;`;
    }),
    ...flags.length > 0
      ? [`    ${flags.map((flag) => pattern(path, flag)).join(" | ")}) value=$word ;;`]
      : [],
  ];
}

/** Returns the cases for the value of an option. */
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

/** Returns the cases for an operand, by its position. */
function operands(command: CommandModel): string[] {
  const { commands, isVariadic } = command;
  const path = command.path.join(" ");
  const all: Value[] = commands.length > 0
    ? [{ name: "command", choices: commands.map((child) => child.path.at(-1)!) }]
    : [...command.arguments];
  return all.flatMap((value, i) => {
    const position = isVariadic && i === all.length - 1
      ? `${pattern(path, "")}*`
      : pattern(path, String(i));
    if (value.choicesAfter) return [`      ${position}) ${afterOperand(value.choicesAfter)}`];
    const isKnown = value.choices.length > 0 || value.paths || value.isEntry;
    return isKnown ? [`      ${position}) ${assignments(value)}`] : [];
  });
}

function afterOperand(choices: ReadonlyMap<string, readonly string[]>): string {
  const cases = choices.entries().map(([operand, words]) =>
    `${shellWord(operand)}) words=(${words.map(shellWord).join(" ")}) ;;`
  );
  return `case $operand in ${[...cases].join(" ")} esac ;;`;
}

function assignments({ choices, paths, isEntry }: Value): string {
  const parts = [
    ...choices.length > 0 ? [`words=(${choices.map(shellWord).join(" ")})`] : [],
    ...isEntry ? ["entries=yes"] : [],
    ...paths ? [`paths=${paths === "files" ? "default" : "dirnames"}`] : [],
  ];
  return [...parts, ";;"].join(" ");
}

/** Returns a pattern that matches exactly this word after this command. */
function pattern(path: string, word: string): string {
  return `'${path} ${word}'`;
}
