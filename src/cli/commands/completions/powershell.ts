import { type CommandModel, flatten } from "./model.ts";

/** A completion script for PowerShell 5 and later. Where it has nothing to say, PowerShell offers files. */
export function powershellScript(program: CommandModel): string {
  return `# PowerShell completion for larder
Register-ArgumentCompleter -Native -CommandName larder -ScriptBlock {
    param($word, $ast, $cursor)
    # What can follow each command: words, a space and their description.
    $commands = @{
${flatten(program).map(entry).join("\n")}
    }
    $command = ''
    $option = ''
    foreach ($element in ($ast.CommandElements | Select-Object -Skip 1)) {
        if ($word -ne '' -and $element.Extent.EndOffset -ge $cursor) { break }
        $text = $element.Extent.Text
        if ($option -ne '') { $option = ''; continue }
        if ($commands[$command].Values.ContainsKey($text)) { $option = $text; continue }
        $longer = "$command $text".Trim()
        if ($commands.ContainsKey($longer)) { $command = $longer }
    }
    $here = $commands[$command]
    if ($option -ne '') { $offered = $here.Values[$option] }
    elseif ($word.StartsWith('-')) { $offered = $here.Options }
    else { $offered = $here.Words }
    foreach ($line in $offered) {
        $name, $description = $line -split ' ', 2
        if ($name.StartsWith($word, [System.StringComparison]::Ordinal)) {
            [System.Management.Automation.CompletionResult]::new($name, $name, 'ParameterValue', $description)
        }
    }
}
`;
}

function entry({ path, commands, options, argument }: CommandModel): string {
  const words = [
    ...commands.map((child) => `${child.path.at(-1)} ${child.description}`),
    ...(argument?.choices ?? []).map(itself),
  ];
  const flags = options.flatMap(({ flags, description }) =>
    flags.map((flag) => `${flag} ${description}`)
  );
  const values = options.flatMap(({ flags, value }) =>
    value ? flags.map((flag) => `${quote(flag)} = ${list(value.choices.map(itself))}`) : []
  );
  return `        ${quote(path.join(" "))} = @{
            Words = ${list(words)}
            Options = ${list(flags)}
            Values = @{ ${values.join("; ")} }
        }`;
}

/** A word that describes itself: PowerShell refuses an empty description. */
function itself(word: string): string {
  return `${word} ${word}`;
}

function list(lines: readonly string[]): string {
  return `@(${lines.map(quote).join(", ")})`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
