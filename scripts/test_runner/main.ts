// deno-lint-ignore-file no-console
/**
 * Runs the tests and the other checks, in order, and ends with a line `N passed, N failed`.
 *
 *   deno task test                  the checks (format, lint, types, layers, docs), unit and end-to-end tests
 *   deno task test FILE...          only the tests in these files
 *   deno task test --binary FILE    the tests of the command line against a compiled larder
 *   deno task ok                    the checks and unit tests, for every commit
 *   deno task soak                  the tests that take minutes
 *
 * A failed step counts as one failed test. Every process gets an environment of its own instead of the user's: see
 * tests/support/cli/environment.ts.
 */
import { dirname, join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { BINARY_EXCEPTIONS, EXCEPTIONS_VARIABLE } from "../../tests/binary_exceptions.ts";
import { childEnvironment } from "../../tests/support/cli/environment.ts";
import { bundle } from "../bundle/bundle.ts";
import {
  beginComponent,
  ensureComponent,
  ensurePrograms,
  ensureSoakPrograms,
  missingPackages,
} from "./programs.ts";
import { denoTest } from "./queue.ts";
import type { StepResult } from "./report.ts";
import { binaryTests, endToEndTests, ROOT, soakTests, split, unitTestParts } from "./test_files.ts";

/** A named step of a run. */
type Step = readonly [name: string, run: () => StepResult | Promise<StepResult>];

const PACKAGES: Step = ["packages", () => deno(["install", "--quiet", "--frozen"], true)];
const PROGRAMS: Step = [
  "programs",
  async () => single(ensurePrograms() && await ensureComponent()),
];
const SOAK_PROGRAMS: Step = [
  "programs",
  async () => single(ensureSoakPrograms() && await ensureComponent()),
];

const CHECKS: readonly Step[] = [
  ["format", () => deno(["fmt", "--check"])],
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
    const results: StepResult[] = [];
    for (const step of stepsOf({ ...values, files: positionals, work })) {
      results.push(await perform(step));
      // The other steps need these: without them they would only fail for the same reason.
      const isNeeded = [PACKAGES, PROGRAMS, SOAK_PROGRAMS].includes(step);
      if (isNeeded && results.at(-1)!.failed > 0) break;
    }
    return printSummary(results);
  } finally {
    Deno.removeSync(work, { recursive: true });
  }
}

interface RunRequest {
  readonly binary?: string;
  readonly ok?: boolean;
  readonly soak?: boolean;
  readonly files: readonly string[];
  /** A folder for temporary files. */
  readonly work: string;
}

function stepsOf({ binary, ok, soak, files, work }: RunRequest): readonly Step[] {
  if (binary !== undefined) return [PACKAGES, PROGRAMS, binaryStep(resolve(binary))];
  const env = { LARDER_BUNDLE: join(work, "bundle/main.js") };
  const bundling: Step = ["bundle", () => bundleInto(work)];
  const tests = (name: string, parts: readonly string[][]): Step[] => [
    soak ? SOAK_PROGRAMS : PROGRAMS,
    bundling,
    [name, () => denoTest({ parts, env })],
  ];
  // Long tests start first and in small parts, so that all processes end at about the same time.
  const endToEnd = split(endToEndTests(), 2);
  const { slow, quick } = unitTestParts();
  if (files.length > 0) {
    return [PACKAGES, ...tests("tests", [files.map((file) => relative(ROOT, resolve(file)))])];
  }
  if (soak) return [PACKAGES, ...tests("soak tests", split(soakTests(), 1))];
  if (!ok) {
    beginComponent();
    return [PACKAGES, ...CHECKS, ...tests("tests", [...slow, ...endToEnd, ...quick])];
  }
  const missing = missingPackages();
  const ifPossible = missing.length === 0
    ? tests("unit tests", [...slow, ...quick])
    : [notRun(missing)];
  return [PACKAGES, ...CHECKS, ...ifPossible];
}

/** Replaces the unit tests if `deno task ok` would have to install programs. */
function notRun(packages: readonly string[]): Step {
  const note = `not run: unit tests: they need the packages ${packages.join(" ")}`;
  return ["unit tests", () => ({ passed: 0, failed: 0, notes: [note] })];
}

async function perform([name, run]: Step): Promise<StepResult> {
  console.log(`== ${name}`);
  const start = performance.now();
  const result = await run();
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`== ${name}: ${result.failed === 0 ? "ok" : "FAILED"} (${seconds} s)`);
  if (result.failed === 0 || result.notes.length > 0) return result;
  return { ...result, notes: [`FAILED: ${name}`] };
}

/** Prints the notes and the totals, and returns the exit code. */
function printSummary(results: readonly StepResult[]): number {
  for (const note of results.flatMap(({ notes }) => notes)) console.log(note);
  const sum = (key: "passed" | "failed") => results.reduce((n, result) => n + result[key], 0);
  console.log(`${sum("passed")} passed, ${sum("failed")} failed`);
  return sum("failed") === 0 ? 0 : 1;
}

function single(isGood: boolean, ...notes: string[]): StepResult {
  return { passed: isGood ? 1 : 0, failed: isGood ? 0 : 1, notes };
}

async function deno(args: string[], downloads = false): Promise<StepResult> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: ROOT,
    clearEnv: true,
    env: childEnvironment({}, { downloads }),
    stdin: "null",
  }).spawn().status;
  return single(success);
}

function bundleInto(folder: string): StepResult {
  try {
    loadLazily(dirname(bundle(folder, "development")));
    return single(true);
  } catch (error) {
    return single(false, `FAILED: bundle: ${(error as Error).message}`);
  }
}

/**
 * Hides the lazy imports of a bundle from `deno run`, which otherwise reads every module that one names before it
 * starts: 62 instead of 74 ms of CPU for each larder. A binary reads what it runs.
 */
function loadLazily(folder: string): void {
  for (const { name } of Deno.readDirSync(folder)) {
    if (!name.endsWith(".js")) continue;
    const path = join(folder, name);
    const text = Deno.readTextFileSync(path);
    Deno.writeTextFileSync(
      path,
      text.replaceAll(/\bimport\(("\.\/[^"]+")\)/g, "import(String($1))"),
    );
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
