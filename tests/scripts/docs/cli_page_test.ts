import { Argument, Command, Option } from "commander";
import assert from "node:assert/strict";
import { commandLinePage } from "../../../scripts/docs/cli_page.ts";
import { buildProgram } from "../../../src/cli/command_tree.ts";

function sample(): Command {
  const program = new Command("larder").description("Keeps food.").option("-q, --quiet", "hush");
  program.helpCommand(false).commandsGroup("Fill:");
  const shelf = program.command("shelf").helpCommand(false).description("Works on shelves.");
  shelf.command("fill").description("Fills a shelf:\n  with care").alias("f")
    .addArgument(new Argument("<shelf>", "which one").choices(["upper", "lower"]))
    .addOption(new Option("--with <food>", "what").default("jam"))
    .addOption(new Option("--secret", "not shown").hideHelp());
  program.command("hidden", { hidden: true }).description("Not shown.");
  return program;
}

Deno.test("commandLinePage has usage, arguments, options, choices and defaults of a command", () => {
  const page = commandLinePage(sample());
  const section = page.slice(page.indexOf("## Fill"));
  assert.equal(
    section,
    [
      "## Fill",
      "### larder shelf",
      "```text\nlarder shelf [options] [command]\n```",
      "Works on shelves.",
      "### larder shelf fill",
      "```text\nlarder shelf fill [options] <shelf>\n```",
      "Fills a shelf:",
      "```text\n  with care\n```",
      "- `<shelf>`: which one; one of `upper`, `lower`\n- `--with <food>`: what; default `jam`\n",
    ].join("\n\n"),
  );
});

Deno.test("commandLinePage has every visible command with examples, every option, and no alias", () => {
  const program = buildProgram();
  const page = commandLinePage(program);
  for (const command of program.commands) {
    const isListed = page.includes(`### larder ${command.name()}\n`);
    assert.equal(isListed, !["images", "__complete"].includes(command.name()), command.name());
    for (const option of command.options) assert.ok(page.includes(option.flags), option.flags);
  }
  assert.match(page, /```sh\n# \S.*\nlarder pull /);
  assert.doesNotMatch(page, /larder (?:ls|rm|prune|inspect)\b/);
  assert.doesNotMatch(page, /default ``/);
});
