import { Command } from "commander";
import assert from "node:assert/strict";
import { join } from "node:path";
import { EXIT_CODES, manPage } from "../../../scripts/docs/man_page.ts";
import { ERROR_CODES } from "../../../src/base/errors.ts";
import { buildProgram } from "../../../src/cli/command_tree.ts";
import { examplesOf } from "../../../src/cli/help/examples.ts";
import { pathOf } from "../../../src/cli/help/help.ts";
import { run } from "../../support/cli/commands.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

const ROOT = join(import.meta.dirname!, "../../..");
const PAGE = manPage(buildProgram());

/** Returns the page as plain text with long lines. Fails if groff prints a warning. */
async function rendered(page: string): Promise<string> {
  using folder = new TemporaryFolder();
  const file = join(folder.path, "larder.1");
  Deno.writeTextFileSync(file, page);
  const groff = "groff -man -ww -Tascii -P-cbou -rLL=500n -rHY=0";
  const env = { PATH: Deno.env.get("PATH")! };
  const warnings = await run("sh", ["-c", `${groff} "$0" 2>&1 >/dev/null`, file], { env });
  assert.equal(warnings, "");
  return await run("sh", ["-c", `${groff} "$0"`, file], { env });
}

Deno.test("manPage has every visible command with its options and examples", async () => {
  const text = await rendered(PAGE);
  const words = (line: string) => line.replace(/ +/g, " ");
  const check = (command: Command) => {
    const path = pathOf(command);
    assert.match(text, new RegExp(`^ +larder ${path.join(" ")}$`, "m"));
    for (const { line } of examplesOf(path)) assert.ok(words(text).includes(words(line)), line);
    for (const option of command.options) {
      const flags = option.flags.replace(/[<>]/g, "").replaceAll("…", "...");
      assert.ok(text.includes(flags), flags);
    }
    command.commands.filter((child) => child.name() !== "help").forEach(check);
  };
  const hidden = ["images", "__complete"];
  buildProgram().commands.filter((command) => !hidden.includes(command.name())).forEach(check);
  for (const name of hidden) assert.ok(!text.includes(`larder ${name}`), name);
});

Deno.test("manPage has the sections of a man page", async () => {
  const titles = (await rendered(PAGE)).match(/^[A-Z][A-Z ]+$/gm);
  assert.deepEqual(titles, [
    "NAME",
    "SYNOPSIS",
    "DESCRIPTION",
    "GLOBAL OPTIONS",
    "PULL AND RUN",
    "PACKAGES AND BUILDS",
    "LOOK",
    "KEEP IN ORDER",
    "EXPORT AND IMPORT",
    "SETTINGS",
    "EXIT STATUS",
    "ENVIRONMENT",
    "FILES",
    "EXAMPLES",
    "SEE ALSO",
  ]);
});

Deno.test("manPage names every exit code of an error", () => {
  const codes = new Set(EXIT_CODES.map(([code]) => code));
  for (const code of Object.values(ERROR_CODES)) assert.ok(codes.has(code), String(code));
});

Deno.test("manPage escapes what roff would interpret", async () => {
  const program = new Command("larder").helpCommand(false).description(
    ".so /etc/passwd and 'quoted' \\fBtext\\fR",
  );
  program.command("odd").description('\'ab\n.ab\n\\n(.x `x` ~ ^ "y"').option("-x, --ex <a>", ".z");
  const text = await rendered(manPage(program));
  for (
    const expected of [
      ".so /etc/passwd and 'quoted' \\fBtext\\fR",
      "'ab",
      "\n +\\.ab\n",
      '\\n(.x `x` ~ ^ "y"',
      "-x, --ex a",
      ".z",
    ]
  ) {
    const isPattern = expected.startsWith("\n");
    assert.ok(isPattern ? new RegExp(expected).test(text) : text.includes(expected), expected);
  }
});

Deno.test("docs/man/larder.1 is up to date", () => {
  assert.equal(Deno.readTextFileSync(join(ROOT, "docs/man/larder.1")), PAGE);
});
