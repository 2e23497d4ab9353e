import { buildProgram } from "../../src/cli/command_tree.ts";
import { Argument, Command, Option } from "commander";
import assert from "node:assert/strict";
import { commandLinePage } from "../../scripts/generate_docs.ts";

function sample(): Command {
  const program = new Command("larder").description("Keeps food.").option("-q, --quiet", "hush");
  const shelf = program.command("shelf").description("Works on shelves.");
  shelf.command("fill").description("Fills a shelf:\n  with care")
    .addArgument(new Argument("<shelf>", "which one").choices(["upper", "lower"]))
    .addOption(new Option("--with <food>", "what").default("jam"))
    .addOption(new Option("--secret", "not shown").hideHelp());
  return program;
}

Deno.test("a command's section has its usage, arguments, options, choices and defaults", () => {
  const page = commandLinePage(sample());
  const section = page.slice(page.indexOf("## larder shelf fill"));
  assert.equal(
    section,
    [
      "## larder shelf fill",
      "```text\nlarder shelf fill [options] <shelf>\n```",
      "Fills a shelf:",
      "```text\n  with care\n```",
      "- `<shelf>`: which one; one of `upper`, `lower`\n- `--with <food>`: what; default `jam`\n",
    ].join("\n\n"),
  );
});

Deno.test("the page names every command and option", () => {
  const program = buildProgram();
  const page = commandLinePage(program);
  for (const command of program.commands) {
    assert.ok(page.includes(`## larder ${command.name()}\n`));
    for (const option of command.options) assert.ok(page.includes(option.flags), option.flags);
  }
  assert.ok(!page.includes("default ``"), "a default of nothing is none");
});
