// deno-lint-ignore-file no-console
/**
 * Writes docs/cli.md from the command tree; with --check only says whether it is up to date.
 *
 *   deno run -A scripts/generate_docs.ts [--check]
 */
import { buildProgram } from "../src/cli/command_tree.ts";
import type { Argument, Command, Option } from "commander";
import { join } from "node:path";

const ROOT = join(import.meta.dirname!, "..");
const PAGE = "docs/cli.md";

/** The page, as Markdown that is not formatted yet. */
export function commandLinePage(program: Command): string {
  const commands = program.commands.flatMap(withDescendants);
  return [
    "<!-- Written by scripts/generate_docs.ts: change the command tree, not this page. -->",
    "# The command line",
    program.description(),
    code(`larder ${program.usage()}`),
    "## Options of every command",
    "They can stand before or after the command, unless it has an option of the same name.",
    list([
      ...visibleOptions(program).map(optionLine),
      "`-h, --help`: print help; `larder help COMMAND` does the same",
    ]),
    "`larder --version` prints the version, the commit it was built from, and the runtime.",
    "[Errors](errors.md) are listed on a page of their own, with the exit codes.",
    ...commands.flatMap(commandSection),
  ].join("\n\n") + "\n";
}

function withDescendants(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withDescendants)];
}

function commandSection(command: Command): string[] {
  const usage = command.createHelp().commandUsage(command);
  const [summary = "", ...details] = command.description().split("\n");
  const lines = [
    ...command.registeredArguments.map(argumentLine),
    ...visibleOptions(command).map(optionLine),
  ];
  return [
    `## ${usage.replace(/ [[<].*/, "")}`,
    code(usage),
    summary,
    ...details.length > 0 ? [code(details.join("\n"))] : [],
    ...lines.length > 0 ? [list(lines)] : [],
  ];
}

/** The options that are a command's own: every command has --help, and only larder has --version. */
function visibleOptions(command: Command): Option[] {
  return command.createHelp().visibleOptions(command)
    .filter(({ long }) => long !== "--help" && long !== "--version");
}

function argumentLine(argument: Argument): string {
  const name = argument.required ? `<${argument.name()}>` : `[${argument.name()}]`;
  return `\`${name}\`: ${argument.description}${choices(argument.argChoices)}`;
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

function code(text: string): string {
  return `\`\`\`text\n${text}\n\`\`\``;
}

function list(lines: readonly string[]): string {
  return lines.map((line) => `- ${line}`).join("\n");
}

async function formatted(markdown: string): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--quiet", "--ext", "md", "-"],
    cwd: ROOT,
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(markdown));
  await writer.close();
  const { code, stdout } = await child.output();
  if (code !== 0) throw new Error("deno fmt failed");
  return new TextDecoder().decode(stdout);
}

function present(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

if (import.meta.main) {
  const path = join(ROOT, PAGE);
  const page = await formatted(commandLinePage(buildProgram()));
  if (!Deno.args.includes("--check")) {
    Deno.writeTextFileSync(path, page);
  } else if (present(path) !== page) {
    console.error(`${PAGE} is out of date: run deno run -A scripts/generate_docs.ts`);
    Deno.exit(1);
  }
}
