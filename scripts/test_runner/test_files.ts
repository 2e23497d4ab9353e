import { join } from "node:path";

/** Root of the repository. */
export const ROOT = join(import.meta.dirname!, "../..");

/** Returns the tests that call the modules of larder. */
function unitTests(): string[] {
  return testsBelow("tests").filter((path) => !/^tests\/(e2e|soak)\//.test(path));
}

/** Tests whose guests compute until they are stopped, some for ten seconds: each has a process of its own. */
const ENDLESS = ["worker_pool", "guest_thread"].map((name) => `tests/run/server/${name}_test.ts`);

/** Returns the unit tests in parts, one per process: first those that start threads and processes, which take seconds. */
export function unitTestParts(): { slow: string[][]; quick: string[][] } {
  const [slow, quick] = [true, false].map((isSlow) =>
    unitTests().filter((path) =>
      /^tests\/(run|scripts|verify)\//.test(path) === isSlow && !ENDLESS.includes(path)
    )
  );
  return {
    slow: [...ENDLESS.map((path) => [path]), ...split(slow!, 4)],
    quick: split(quick!, 12),
  };
}

/** Returns the tests that start larder as a user does. */
export function endToEndTests(): string[] {
  return testsBelow("tests/e2e");
}

/** Soak tests that take more than half a minute each, the longest first: one that starts last would be waited for. */
const LONG_SOAK_TESTS = [
  "kill_pull",
  "kill_exchange",
  "build",
  "compile",
  "serve_conformance",
  "other_owner",
  "kill_repair",
  "test_runner",
];

/** Returns the tests that take minutes, or long and rarely fail. */
export function soakTests(): string[] {
  const long = LONG_SOAK_TESTS.map((name) => `tests/soak/${name}_test.ts`);
  return [...long, ...testsBelow("tests/soak").filter((path) => !long.includes(path))];
}

/**
 * Returns the tests that can run against a compiled larder. Of the soak tests, these are the ones that depend on the
 * runtime; what a kill leaves on the disk does not.
 */
export function binaryTests(): string[] {
  return [
    ...soakTests().filter((path) => /\/(?:load|serve_conformance)_test\.ts$/.test(path)),
    ...endToEndTests(),
    "tests/scripts/install_test.ts",
    "tests/cli/commands/completions/completions_test.ts",
  ];
}

/** Returns the test files below a folder, sorted. */
function testsBelow(folder: string): string[] {
  return [...Deno.readDirSync(join(ROOT, folder))].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    return isDirectory ? testsBelow(path) : path.endsWith("_test.ts") ? [path] : [];
  }).sort();
}

/** Splits files into lists of `count`, one per process. A process of tests takes half a second to start. */
export function split(files: readonly string[], count: number): string[][] {
  return Array.from(
    { length: Math.ceil(files.length / count) },
    (_, i) => files.slice(i * count, (i + 1) * count),
  );
}
