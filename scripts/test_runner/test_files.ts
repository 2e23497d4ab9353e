import { join } from "node:path";

/** The repository. */
export const ROOT = join(import.meta.dirname!, "../..");

/** The tests that call the code itself. */
export function unitTests(): string[] {
  return testsBelow("tests").filter((path) => !/^tests\/(e2e|soak)\//.test(path));
}

/** The tests that start larder as its users do. */
export function endToEndTests(): string[] {
  return testsBelow("tests/e2e");
}

/** The tests that take minutes. */
export function soakTests(): string[] {
  return testsBelow("tests/soak");
}

/** The tests of the command line that can be run against a compiled larder. */
export function binaryTests(): string[] {
  return [
    ...soakTests(),
    ...endToEndTests(),
    "tests/scripts/install_test.ts",
    "tests/cli/completions_test.ts",
  ];
}

/** The test files in a folder and those within it. */
function testsBelow(folder: string): string[] {
  return [...Deno.readDirSync(join(ROOT, folder))].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    return isDirectory ? testsBelow(path) : path.endsWith("_test.ts") ? [path] : [];
  }).sort();
}

/** Lists of so many files. A process of tests takes half a second to start. */
export function split(files: readonly string[], count: number): string[][] {
  return Array.from(
    { length: Math.ceil(files.length / count) },
    (_, i) => files.slice(i * count, (i + 1) * count),
  );
}
