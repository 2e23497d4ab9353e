import type { Argument, Command, Option } from "commander";
import { examplesOf } from "../../src/cli/help/examples.ts";
import { pathOf } from "../../src/cli/help/help.ts";
import { groupsOf, ownOptions, termOf, usageOf, withDescendants } from "./commands.ts";

/** Returns docs/cli.md as unformatted Markdown. */
export function commandLinePage(program: Command): string {
  return [
    "<!-- Written by scripts/generate_docs.ts: change the command tree, not this page. -->",
    "# The command line",
    program.description(),
    code("text", usageOf(program)),
    "## Global options",
    "Every command takes these options, before or after its name. An option of the same name that a " +
    "command defines itself, such as `dir --config`, takes precedence after the name.",
    list([
      ...ownOptions(program).map(optionLine),
      "`-h, --help`: print help; `larder help COMMAND` does the same",
    ]),
    "`larder --version` prints the version, the commit and the runtime. [Errors](errors.md) lists the " +
    "exit codes.",
    ...groupsOf(program).entries().flatMap(([title, commands]) => [
      `## ${title}`,
      ...commands.flatMap(withDescendants).flatMap(commandSection),
    ]),
  ].join("\n\n") + "\n";
}

function commandSection(command: Command): string[] {
  const [summary = "", ...details] = command.description().split("\n");
  const lines = [
    ...command.registeredArguments.map(argumentLine),
    ...ownOptions(command).map(optionLine),
  ];
  const examples = examplesOf(pathOf(command)).map(({ comment, line }) => `# ${comment}\n${line}`);
  return [
    `### larder ${pathOf(command).join(" ")}`,
    code("text", usageOf(command)),
    summary,
    ...details.length > 0 ? [code("text", details.join("\n"))] : [],
    ...lines.length > 0 ? [list(lines)] : [],
    ...examples.length > 0 ? [code("sh", examples.join("\n"))] : [],
  ];
}

function argumentLine(argument: Argument): string {
  return `\`${termOf(argument)}\`: ${argument.description}${choices(argument.argChoices)}`;
}

function optionLine(option: Option): string {
  const fallback = option.defaultValue === undefined || option.negate
    ? ""
    : `; default \`${option.defaultValue}\``;
  return `\`${option.flags}\`: ${option.description}${choices(option.argChoices)}${fallback}`;
}

function choices(values: readonly string[] | undefined): string {
  return values ? `; one of ${values.map((value) => `\`${value}\``).join(", ")}` : "";
}

function code(language: string, text: string): string {
  return `\`\`\`${language}\n${text}\n\`\`\``;
}

function list(lines: readonly string[]): string {
  return lines.map((line) => `- ${line}`).join("\n");
}
