// deno-lint-ignore-file no-console
/**
 * Runs the tests and the other checks, in order, and ends with a line `N passed, N failed`.
 *
 *   deno task test                  format, lint, types, layers, docs, unit and end-to-end tests
 *   deno task test FILE...          only the tests in these files
 *   deno task test --binary FILE    the tests of the command line, against a compiled larder
 *   deno task ok                    what to run before a commit: all of that except end-to-end tests
 *   deno task soak                  the tests that take minutes, with their long settings
 *
 * A failed step counts as one failed test. All that is started has an environment that is decided here, whatever
 * the environment of the person who runs it: see tests/support/environment.ts.
 */
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { BINARY_EXCEPTIONS, EXCEPTIONS_VARIABLE } from "../../tests/binary_exceptions.ts";
import { childEnvironment } from "../../tests/support/cli/environment.ts";
import { bundle } from "../compile.ts";
import { ensureComponents, ensurePrograms, missingPackages } from "./programs.ts";
import { denoTest } from "./queue.ts";
import type { Outcome } from "./report.ts";
import { binaryTests, endToEndTests, ROOT, soakTests, split, unitTests } from "./test_files.ts";

/** A step and what it does. */
type Step = readonly [name: string, run: () => Outcome | Promise<Outcome>];

const PACKAGES: Step = ["packages", () => deno(["install", "--quiet", "--frozen"], true)];
const PROGRAMS: Step = ["programs", async () => one(ensurePrograms() && await ensureComponents())];

const CHECKS: readonly Step[] = [
  ["format", () => deno(["fmt", "--check", "--quiet"])],
  ["lint", () => deno(["lint", "--quiet"])],
  ["types", () => deno(["check", "--quiet", "--frozen", "main.ts", "scripts", "tests"])],
  ["layers", () => deno(["run", "--allow-read", "scripts/check_layers.ts"])],
  ["docs", () => deno(["run", "-A", "scripts/generate_docs.ts", "--check"])],
];

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { binary: { type: "string" }, ok: { type: "boolean" }, soak: { type: "boolean" } },
  });
  const work = Deno.makeTempDirSync({ prefix: "larder-tests-" });
  try {
    const outcomes: Outcome[] = [];
    for (const step of stepsOf({ ...values, files: positionals, work })) {
      outcomes.push(await perform(step));
      // Without what the other steps need, their failures would say nothing.
      if ((step === PACKAGES || step === PROGRAMS) && outcomes.at(-1)!.failed > 0) break;
    }
    return tell(outcomes);
  } finally {
    Deno.removeSync(work, { recursive: true });
  }
}

interface Asked {
  readonly binary?: string;
  readonly ok?: boolean;
  readonly soak?: boolean;
  readonly files: readonly string[];
  /** A folder for what is made on the way. */
  readonly work: string;
}

function stepsOf({ binary, ok, soak, files, work }: Asked): readonly Step[] {
  if (binary !== undefined) return [PACKAGES, PROGRAMS, binaryStep(resolve(binary))];
  const env = { LARDER_BUNDLE: join(work, "bundle/main.js") };
  const bundling: Step = ["bundle", () => bundleInto(work)];
  const tests = (name: string, parts: readonly string[][]): Step[] => [
    PROGRAMS,
    bundling,
    [name, () => denoTest({ parts, env })],
  ];
  // What takes long is begun with first, and in small parts, so that all processes end at about the same time.
  const endToEnd = split(endToEndTests(), 2);
  const unit = split(unitTests(), 12);
  if (files.length > 0) {
    return [PACKAGES, ...tests("tests", [files.map((file) => relative(ROOT, resolve(file)))])];
  }
  if (soak) return [PACKAGES, ...tests("soak tests", split(soakTests(), 1))];
  if (!ok) return [PACKAGES, ...CHECKS, ...tests("tests", [...endToEnd, ...unit])];
  const missing = missingPackages();
  const ifPossible = missing.length === 0 ? tests("unit tests", unit) : [notRun(missing)];
  return [PACKAGES, ...CHECKS, ...ifPossible];
}

/** In place of the unit tests, where `deno task ok` would have to install programs. */
function notRun(packages: readonly string[]): Step {
  const note = `not run: unit tests: they need the packages ${packages.join(" ")}`;
  return ["unit tests", () => ({ passed: 0, failed: 0, notes: [note] })];
}

async function perform([name, run]: Step): Promise<Outcome> {
  console.log(`== ${name}`);
  const start = performance.now();
  const outcome = await run();
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`== ${name}: ${outcome.failed === 0 ? "ok" : "FAILED"} (${seconds} s)`);
  return outcome;
}

/** Prints the notes and the sums; returns the exit code. */
function tell(outcomes: readonly Outcome[]): number {
  for (const note of outcomes.flatMap(({ notes }) => notes)) console.log(note);
  const sum = (key: "passed" | "failed") => outcomes.reduce((n, outcome) => n + outcome[key], 0);
  console.log(`${sum("passed")} passed, ${sum("failed")} failed`);
  return sum("failed") === 0 ? 0 : 1;
}

function one(good: boolean, ...notes: string[]): Outcome {
  return { passed: good ? 1 : 0, failed: good ? 0 : 1, notes };
}

async function deno(args: string[], downloads = false): Promise<Outcome> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: ROOT,
    clearEnv: true,
    env: childEnvironment({}, { downloads }),
    stdin: "null",
  }).spawn().status;
  return one(success);
}

function bundleInto(folder: string): Outcome {
  try {
    bundle(folder, "development");
    return one(true);
  } catch (error) {
    return one(false, `FAILED: bundle: ${(error as Error).message}`);
  }
}

function binaryStep(binary: string): Step {
  return ["tests of the binary", async () => {
    const { stdout } = await new Deno.Command(binary, {
      args: ["--version"],
      clearEnv: true,
      env: childEnvironment(),
    }).output();
    const version = new TextDecoder().decode(stdout).trim();
    console.log(version);
    const base = /Deno ([\d.]+)/.exec(version)?.[1] ?? "";
    const exceptions = BINARY_EXCEPTIONS[base] ?? {};
    return await denoTest({
      parts: split(binaryTests(), 2),
      args: ["--preload=tests/support/cli/skip_exceptions.ts"],
      env: { LARDER_BIN: binary, [EXCEPTIONS_VARIABLE]: JSON.stringify(exceptions) },
      exceptions,
    });
  }];
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
