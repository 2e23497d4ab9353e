import assert from "node:assert/strict";
import { dirname, join, posix } from "node:path";

const ROOT = join(import.meta.dirname!, "../..");

/** The pages that name files and symbols of the sources. */
const PAGES = ["docs/architecture.md", "CONTRIBUTING.md", ...adrs()];

function adrs(): string[] {
  return [...Deno.readDirSync(join(ROOT, "docs/adr"))].map(({ name }) => `docs/adr/${name}`).sort();
}

function filesBelow(folder: string, end: string): string[] {
  return [...Deno.readDirSync(join(ROOT, folder))].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    return isDirectory ? filesBelow(path, end) : path.endsWith(end) ? [path] : [];
  });
}

/** The texts in backticks. */
function codeIn(page: string): string[] {
  const text = Deno.readTextFileSync(join(ROOT, page)).replace(/^```.*?^```/gms, "");
  return [...text.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code!);
}

/** Whether a text is a name of the sources: `makePlan`, `Puller.pull`, `#refreshRecord`. */
function isSymbol(code: string): boolean {
  return /^#?[A-Za-z]\w*(?:\.#?\w+)?$/.test(code) && /[a-z][A-Z]|^[A-Z][a-z]/.test(code);
}

const files = ["src", "scripts", "tests"].flatMap((folder) => filesBelow(folder, ".ts"));
const texts = files.filter((path) => path.startsWith("src/"))
  .map((path) => Deno.readTextFileSync(join(ROOT, path)));

/** Returns the source files that a page names and that do not exist. */
function missingFiles(page: string): string[] {
  const named = codeIn(page).filter((code) => /^[\w./]+\.ts$/.test(code));
  return named.filter((name) => {
    const end = name.startsWith("../") ? posix.join(dirname(page), name) : name;
    return !files.some((path) => `/${path}`.endsWith(`/${end}`));
  });
}

Deno.test("the READMEs of folders name source files that exist", () => {
  const missing = ["src", "scripts", "tests"].flatMap((folder) => filesBelow(folder, "README.md"))
    .flatMap((page) => missingFiles(page).map((name) => `${page}: ${name}`));
  assert.deepEqual(missing, []);
});

for (const page of PAGES) {
  Deno.test(`${page} names source files that exist`, () => {
    assert.deepEqual(missingFiles(page), []);
  });

  Deno.test(`${page} names functions and classes that exist`, () => {
    const symbols = codeIn(page).filter(isSymbol);
    const words = symbols.flatMap((symbol) => symbol.split("."));
    const missing = words.filter((word) => {
      const pattern = new RegExp(`(?<![\\w#])${word}\\b`);
      return !texts.some((text) => pattern.test(text));
    });
    assert.deepEqual([...new Set(missing)], []);
  });
}
