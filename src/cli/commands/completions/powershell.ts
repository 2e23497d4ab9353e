import { type CommandModel, flatten, type Value } from "./model.ts";

/** Returns a completion script for PowerShell 5 and later. If it offers nothing, PowerShell offers files. */
export function powershellScript(program: CommandModel): string {
  return `# PowerShell completion for larder
Register-ArgumentCompleter -Native -CommandName larder -ScriptBlock {
    param($word, $ast, $cursor)
    # What can follow each command: words, a space and their description. Second: the words after an operand.
    $commands = @{
${flatten(program).map(entry).join("\n")}
    }
    $aliases = @{ ${aliases(program).join("; ")} }
    $command = ''
    $option = ''
    $cache = @()
    $operands = @()
    foreach ($element in ($ast.CommandElements | Select-Object -Skip 1)) {
        if ($word -ne '' -and $element.Extent.EndOffset -ge $cursor) { break }
        $text = $element.Extent.Text
        if ($option -ne '') {
            if ($option -eq '--cache-dir') { $cache = @('--cache-dir', $text) }
            $option = ''
            continue
        }
        if ($commands[$command].Values.ContainsKey($text)) { $option = $text; continue }
        if ($text.StartsWith('-')) { continue }
        $longer = "$command $text".Trim()
        if ($aliases.ContainsKey($longer)) { $longer = $aliases[$longer] }
        if ($commands.ContainsKey($longer)) { $command = $longer } else { $operands += $text }
    }
    $here = $commands[$command]
    $offered = @()
    if ($option -ne '') { $offered = $here.Values[$option] }
    elseif ($word.StartsWith('-')) { $offered = $here.Options }
    elseif ($operands.Count -eq 1 -and $here.Second.ContainsKey($operands[0])) { $offered = $here.Second[$operands[0]] }
    elseif ($operands.Count -eq 0) { $offered = $here.Words }
    foreach ($line in $offered) {
        $name, $description = $line -split ' ', 2
        if ($name.StartsWith($word, [System.StringComparison]::Ordinal)) {
            [System.Management.Automation.CompletionResult]::new($name, $name, 'ParameterValue', $description)
        }
    }
    if ($option -ne '' -or $word.StartsWith('-')) { return }
    if ($here.Entries -eq 'all' -or ($here.Entries -eq 'first' -and $operands.Count -eq 0)) {
        foreach ($name in (& larder @cache __complete 2>$null)) {
            if (-not $name.StartsWith($word, [System.StringComparison]::Ordinal)) { continue }
            # Quoted, since PowerShell inserts it as it is.
            $quoted = if ($name -match '^[\\w./:+~-][\\w./:@+~-]*$') { $name } else { "'" + $name.Replace("'", "''") + "'" }
            [System.Management.Automation.CompletionResult]::new($quoted, $name, 'ParameterValue', $name)
        }
    }
}
`;
}

function aliases({ commands }: CommandModel): string[] {
  return commands.flatMap(({ path: [name], words }) =>
    words.slice(1).map((alias) => `${quote(alias)} = ${quote(name!)}`)
  );
}

function entry(command: CommandModel): string {
  const { path, commands, options, arguments: [first, second] } = command;
  const words = commands.length > 0
    ? commands.map((child) => `${child.path.at(-1)} ${child.description}`)
    : (first?.choices ?? []).map(itself);
  const flags = options.flatMap(({ flags, description }) =>
    flags.map((flag) => `${flag} ${description}`)
  );
  const values = options.flatMap(({ flags, value }) =>
    value ? flags.map((flag) => `${quote(flag)} = ${list(value.choices.map(itself))}`) : []
  );
  return `        ${quote(path.join(" "))} = @{
            Words = ${list(words)}
            Entries = ${quote(entriesOf(first, command.isVariadic && !second))}
            Second = @{ ${secondOf(second).join("; ")} }
            Options = ${list(flags)}
            Values = @{ ${values.join("; ")} }
        }`;
}

function entriesOf(first: Value | undefined, isRepeated: boolean): string {
  return first?.isEntry ? isRepeated ? "all" : "first" : "";
}

function secondOf(value: Value | undefined): string[] {
  return [...value?.choicesAfter ?? []].map(([operand, words]) =>
    `${quote(operand)} = ${list(words.map(itself))}`
  );
}

/** Returns a word with itself as its description, because PowerShell rejects an empty one. */
function itself(word: string): string {
  return `${word} ${word}`;
}

function list(lines: readonly string[]): string {
  return `@(${lines.map(quote).join(", ")})`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
