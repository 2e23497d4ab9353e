/**
 * Runs everything that must hold, in order, and ends with a line `N passed, N failed`.
 *
 *   deno task test                  format, lint, types, layers, docs, unit and end-to-end tests
 *   deno task test --binary FILE    the tests of the command line, against a compiled larder
 *
 * A failed step counts as one failed test. With CI set, deno.lock has to be up to date.
 */
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { BINARY_EXCEPTIONS, EXCEPTIONS_VARIABLE } from "../tests/binary_exceptions.ts";
import { ensureComponents, ensurePrograms } from "./test_programs.ts";
import { type Ended, runTests } from "./test_process.ts";
import { judge, type Outcome } from "./test_report.ts";

const ROOT = join(import.meta.dirname!, "..");
const FROZEN = Deno.env.get("CI") ? ["--frozen"] : [];

/** Of a run of tests. More of them are shared more evenly, and start more processes. */
const PARTS = 6;
/** Tests mostly wait for what they have started, so that two processes do them in little more than half the time. */
const PROCESSES = 2;

/** A step and what it does. */
type Step = readonly [name: string, run: () => Outcome | Promise<Outcome>];

const STEPS: readonly Step[] = [
  ["format", () => deno("fmt", "--check", "--quiet")],
  ["lint", () => deno("lint", "--quiet")],
  ["types", () => deno("check", "--quiet", ...FROZEN, "main.ts", "scripts", "tests")],
  ["layers", () => deno("run", "--allow-read", "scripts/check_layers.ts")],
  ["docs", () => deno("run", "-A", "scripts/generate_docs.ts", "--check")],
  ["unit tests", () => denoTest(parts(unitTests()))],
  ["end-to-end tests", () => denoTest(parts(endToEndTests()))],
];

/** The tests that start larder as its users do. */
function binaryTests(): string[] {
  return [...endToEndTests(), "tests/scripts/install_test.ts", "tests/cli/completions_test.ts"];
}

function unitTests(): string[] {
  return testsBelow("tests").filter((path) => !path.startsWith("tests/e2e/"));
}

function endToEndTests(): string[] {
  return testsBelow("tests/e2e");
}

/** The test files in a folder and those within it. */
function testsBelow(folder: string): string[] {
  return [...Deno.readDirSync(join(ROOT, folder))].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    return isDirectory ? testsBelow(path) : path.endsWith("_test.ts") ? [path] : [];
  }).sort();
}

/** Parts of a run, each for a process of its own. Long files, which take long for the most part, are in the first. */
function parts(files: readonly string[]): string[][] {
  const size = new Map(files.map((path) => [path, Deno.statSync(join(ROOT, path)).size]));
  const longestFirst = files.toSorted((a, b) => size.get(b)! - size.get(a)!);
  return Array.from(
    { length: PARTS },
    (_, part) => longestFirst.filter((_, i) => i % PARTS === part),
  );
}

async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { binary: { type: "string" } } });
  const programs: Step = [
    "programs",
    async () => one(ensurePrograms() && await ensureComponents()),
  ];
  const steps = values.binary === undefined ? STEPS : [binaryStep(resolve(values.binary))];
  Deno.env.delete("LARDER_BIN");
  const outcomes = [await perform(programs)];
  // Without the programs that tests call, their failures would say nothing.
  if (outcomes[0]!.failed === 0) { for (const step of steps) outcomes.push(await perform(step)); }
  for (const note of outcomes.flatMap(({ notes }) => notes)) console.log(note);
  const sum = (key: "passed" | "failed") => outcomes.reduce((n, outcome) => n + outcome[key], 0);
  console.log(`${sum("passed")} passed, ${sum("failed")} failed`);
  return sum("failed") === 0 ? 0 : 1;
}

async function perform([name, run]: Step): Promise<Outcome> {
  console.log(`== ${name}`);
  const start = performance.now();
  const outcome = await run();
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`== ${name}: ${outcome.failed === 0 ? "ok" : "FAILED"} (${seconds} s)`);
  return outcome;
}

function one(good: boolean, ...notes: string[]): Outcome {
  return { passed: good ? 1 : 0, failed: good ? 0 : 1, notes };
}

async function deno(...args: string[]): Promise<Outcome> {
  const { success } = await new Deno.Command(Deno.execPath(), { args, cwd: ROOT, stdin: "null" })
    .spawn().status;
  return one(success);
}

function binaryStep(binary: string): Step {
  return ["tests of the binary", async () => {
    const { stdout } = await new Deno.Command(binary, { args: ["--version"] }).output();
    const version = new TextDecoder().decode(stdout).trim();
    console.log(version);
    const base = /Deno ([\d.]+)/.exec(version)?.[1] ?? "";
    const exceptions = BINARY_EXCEPTIONS[base] ?? {};
    const preload = "--preload=tests/support/cli/skip_exceptions.ts";
    const processes = parts(binaryTests()).map((files) => [preload, ...files]);
    const env = { LARDER_BIN: binary, [EXCEPTIONS_VARIABLE]: JSON.stringify(exceptions) };
    return await denoTest(processes, env, exceptions);
  }];
}

/**
 * Runs tests in one process for each list of arguments, some at once. What the first of these write is shown as it
 * comes, what the others write after it.
 */
async function denoTest(
  runs: readonly (readonly string[])[],
  env: Record<string, string> = {},
  exceptions: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const queue = [...runs];
  const ended: Ended[] = [];
  const hidden: Ended[] = [];
  const work = async (shown: boolean) => {
    for (let args; (args = queue.shift());) {
      const each = await runTests([...FROZEN, ...args], { cwd: ROOT, env, shown });
      ended.push(each);
      if (!shown) hidden.push(each);
    }
  };
  await Promise.all(Array.from({ length: PROCESSES }, (_, i) => work(i === 0)));
  for (const { output } of hidden) console.log(output);
  const reports = ended.map(({ report }) => report);
  return judge(
    {
      passed: reports.reduce((sum, { passed }) => sum + passed, 0),
      failed: reports.flatMap(({ failed }) => failed),
      ignored: reports.flatMap(({ ignored }) => ignored),
    },
    ended.every(({ success }) => success),
    exceptions,
  );
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
