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
import { ensurePrograms } from "./test_programs.ts";
import { judge, type Outcome, plain, readReport } from "./test_report.ts";

const ROOT = join(import.meta.dirname!, "..");
const FROZEN = Deno.env.get("CI") ? ["--frozen"] : [];

/** A step and what it does. */
type Step = readonly [name: string, run: () => Outcome | Promise<Outcome>];

const STEPS: readonly Step[] = [
  ["format", () => deno("fmt", "--check", "--quiet")],
  ["lint", () => deno("lint", "--quiet")],
  ["types", () => deno("check", "--quiet", ...FROZEN, "main.ts", "scripts", "tests")],
  ["layers", () => deno("run", "--allow-read", "scripts/check_layers.ts")],
  ["docs", () => deno("run", "-A", "scripts/generate_docs.ts", "--check")],
  ["unit tests", () => denoTest(["tests", "--ignore=tests/e2e"])],
  ["end-to-end tests", () => denoTest(["tests/e2e"])],
];

/** The tests that start larder as its users do. */
const BINARY_TESTS = [
  "tests/e2e",
  "tests/scripts/install_test.ts",
  "tests/cli/completions_test.ts",
];

async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { binary: { type: "string" } } });
  const programs: Step = ["programs", () => one(ensurePrograms())];
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
    const args = ["--preload=tests/support/skip_exceptions.ts", ...BINARY_TESTS];
    const env = { LARDER_BIN: binary, [EXCEPTIONS_VARIABLE]: JSON.stringify(exceptions) };
    return await denoTest(args, env, exceptions);
  }];
}

/** Runs tests, showing their output as it comes. */
async function denoTest(
  args: readonly string[],
  env: Record<string, string> = {},
  exceptions: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const junit = Deno.makeTempFileSync();
  try {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["test", "-A", "--no-check", ...FROZEN, `--junit-path=${junit}`, ...args],
      cwd: ROOT,
      env,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const output = await Promise.all([
      show(child.stdout, Deno.stdout.writable),
      show(child.stderr, Deno.stderr.writable),
    ]);
    const { success } = await child.status;
    return judge(readReport(Deno.readTextFileSync(junit), output.flat()), success, exceptions);
  } finally {
    Deno.removeSync(junit);
  }
}

/** Passes a stream on to one of ours, and returns its lines. */
async function show(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  ours: WritableStream<Uint8Array<ArrayBufferLike>>,
): Promise<string[]> {
  const [seen, kept] = stream.tee();
  const [text] = await Promise.all([
    new Response(kept).text(),
    seen.pipeTo(ours, { preventClose: true }),
  ]);
  return plain(text).split("\n").map((line) => line.trimEnd());
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
