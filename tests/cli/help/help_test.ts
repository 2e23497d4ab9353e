import type { Command } from "commander";
import assert from "node:assert/strict";
import { buildProgram, buildProgramToRun } from "../../../src/cli/command_tree.ts";
import { examplesOf } from "../../../src/cli/help/examples.ts";
import { helpText, pathOf } from "../../../src/cli/help/help.ts";
import { main } from "../../../src/cli/main.ts";
import { captured } from "../../support/cli/in_process.ts";

/** All commands below one, hidden ones included. */
function commandsOf(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...commandsOf(child)]);
}

/** The words of a shell command line up to the first operator. */
function wordsOf(line: string): string[] {
  const words: string[] = [];
  for (const [, single, double, bare] of line.matchAll(/'([^']*)'|"([^"]*)"|([^\s)"]+)/g)) {
    if (bare !== undefined && /^(?:\|\|?|[<>])/.test(bare)) break;
    words.push(single ?? double ?? bare!);
  }
  return words;
}

const VISIBLE = commandsOf(buildProgram()).filter((command) =>
  !["__complete"].includes(command.name())
);

for (const command of VISIBLE) {
  const name = pathOf(command).join(" ");
  Deno.test(`the help of ${name} has examples, and the global options once`, () => {
    const text = helpText(command, 80);
    assert.match(text, /\nExamples:\n {2}# \S.*\n {2}.*larder /);
    assert.equal(text.split("--cache-dir <dir>").length, 2);
    assert.match(text, new RegExp(`^Usage: larder ${name} \\[options\\]`));
    assert.ok(text.endsWith("\n") && !text.endsWith("\n\n"));
    for (const { comment } of examplesOf(pathOf(command))) {
      assert.match(comment, /^\S[^\n]*[^.\s]$/);
    }
  });
}

for (const command of VISIBLE) {
  for (const { line } of examplesOf(pathOf(command))) {
    Deno.test(`the example is a command line of larder: ${line}`, async () => {
      const program = buildProgramToRun();
      let ran: string | undefined;
      for (const each of commandsOf(program)) {
        each.action(() => {
          ran = pathOf(each).join(" ");
        });
      }
      const start = line.indexOf("larder ");
      await program.parseAsync(wordsOf(line.slice(start)).slice(1), { from: "user" });
      assert.ok(ran?.startsWith(pathOf(command).join(" ")), ran);
    });
  }
}

Deno.test("help lists the verbs in groups, and no alias", () => {
  const text = helpText(buildProgram(), 80);
  const titles = [...text.matchAll(/^(\S.*):$/gm)].map(([, title]) => title);
  assert.deepEqual(titles, [
    "Pull and run",
    "Packages and builds",
    "Look",
    "Keep in order",
    "Export and import",
    "Settings",
    "Global options",
    "Examples",
  ]);
  const verbs = [...text.matchAll(/^ {2}([a-z_]+) {2,}/gm)].map(([, verb]) => verb!);
  assert.equal(verbs.length, 27);
  for (const alias of ["ls", "rm", "prune", "images", "inspect", "__complete"]) {
    assert.ok(!verbs.includes(alias), alias);
  }
});

Deno.test("help wraps its lines", () => {
  for (const command of VISIBLE) {
    const text = helpText(command, 80);
    const prose = text.slice(0, text.indexOf("\nExamples:"));
    for (const line of prose.split("\n")) {
      if (!line.includes("powershell  in $PROFILE")) assert.ok(line.length <= 80, line);
    }
  }
});

/** Two command lines that print the same help. */
const SAME: [string[], string[]][] = [
  [["help"], ["--help"]],
  [["help", "pull"], ["pull", "--help"]],
  [["help", "config", "set"], ["config", "set", "--help"]],
  [["config", "help", "set"], ["config", "set", "--help"]],
  [["config", "help"], ["config", "-h"]],
  [["help", "help"], ["help", "--help"]],
  [["help", "ls"], ["list", "--help"]],
  [["rm", "--help"], ["clean", "--help"]],
];

for (const [one, other] of SAME) {
  Deno.test(`larder ${one.join(" ")} prints what larder ${other.join(" ")} prints`, async () => {
    const [first, second] = [await captured(() => main(one)), await captured(() => main(other))];
    assert.deepEqual([first.value, first.stderr], [0, ""]);
    assert.match(first.stdout, /^Usage: larder /);
    assert.deepEqual(first, second);
  });
}

/** A command line that names no command, and the hint. */
const UNKNOWN: [string[], string, string][] = [
  [["help", "pul"], "pul", "did you mean pull, pin or run?"],
  [["pul", "--help"], "pul", "did you mean pull, pin or run?"],
  [["help", "qqqqq"], "qqqqq", "larder help lists the commands"],
  [["help", "config", "st"], "st", "did you mean set, get or show?"],
  [["config", "help", "sett"], "sett", "did you mean set, get or show?"],
  [["config", "frobnicate"], "frobnicate", "larder help config lists the commands"],
  [["help", "pull", "x"], "x", "larder help pull prints the help of larder pull"],
];

for (const [args, verb, hint] of UNKNOWN) {
  Deno.test(`larder ${args.join(" ")} is an error`, async () => {
    const { value, stdout, stderr } = await captured(() => main(args));
    assert.deepEqual([value, stdout], [2, ""]);
    assert.equal(stderr, `error: unknown command '${verb}' [LDR_USAGE]\nhint: ${hint}\n`);
  });
}
