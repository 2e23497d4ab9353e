import { cpSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { gzipSync } from "node:zlib";
import {
  embeddedName,
  readPackageFile,
  TRANSPILER_FILES,
} from "../../src/run/engine/compile/transpiler_files.ts";
import {
  embeddedWrapperName,
  readWrapperFile,
  WRAPPER_FILES,
} from "../../src/run/engine/compile/wrapper_files.ts";
import { CompileError } from "../compile_error.ts";
import { run } from "../run_program.ts";
import { checkDisposals } from "./check_bundle.ts";
import { deferBuiltins, REPLACEMENTS } from "./deferred_builtins.ts";

const ROOT = join(import.meta.dirname!, "../..");
/** What a bundle is made of, relative to the root of the repository. */
export const SOURCES = ["main.ts", "src", "deno.json", "deno.lock", "package.json"];
const VERSION_FILE = "src/cli/version.ts";
const COMMIT_LINE = /^export const COMMIT = "development";$/m;
/** The URL by which a module names its worker. */
const WORKER_URL = /new URL\("\.\/(\w+_worker)\.ts", import\.meta\.url\)/g;

/**
 * Bundles a copy of the sources with the commit in it, and returns the bundle's main module.
 *
 * The bundle is in a folder of its own, because `deno compile` embeds every npm package that a deno.json, lock or
 * node_modules near the main module names. Modules that are imported lazily become files of their own, so that a start
 * reads only what it runs.
 */
export function bundle(work: string, commit: string): string {
  const copy = join(work, "source");
  for (const name of SOURCES) cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  const versionFile = join(copy, VERSION_FILE);
  const text = Deno.readTextFileSync(versionFile);
  if (!COMMIT_LINE.test(text)) throw new CompileError(`${VERSION_FILE} has no COMMIT to fill in`);
  const filled = text.replace(COMMIT_LINE, `export const COMMIT = ${JSON.stringify(commit)};`);
  Deno.writeTextFileSync(versionFile, filled);

  const workers = bringWorkersUp(copy);
  for (const path of REPLACEMENTS) Deno.copyFileSync(path, join(copy, basename(path)));
  const folder = join(work, "bundle");
  const options = ["--quiet", "--frozen", "--platform=deno", "--code-splitting", "--minify"];
  const args = [
    "bundle",
    ...options,
    `--outdir=${folder}`,
    "main.ts",
    ...workers,
    ...REPLACEMENTS.map((path) => basename(path)),
  ];
  const result = run(Deno.execPath(), args, { cwd: copy });
  if (result.code !== 0) throw new CompileError(`bundling failed:\n${result.stderr}`);
  checkDisposals(filesBelow(join(copy, "src")).map((path) => Deno.readTextFileSync(path)), folder);
  deferBuiltins(folder, ["main.js", "guest_worker.js"]);
  bringAssets(folder);
  return join(folder, "main.js");
}

/** Writes the files that larder reads as data into the bundle's folder. */
function bringAssets(folder: string): void {
  for (const file of TRANSPILER_FILES) {
    const bytes = gzipSync(readPackageFile(file), { level: 9 });
    Deno.writeFileSync(join(folder, embeddedName(file)), bytes);
  }
  for (const path of WRAPPER_FILES) {
    const bytes = gzipSync(readWrapperFile(path), { level: 9 });
    Deno.writeFileSync(join(folder, embeddedWrapperName(path)), bytes);
  }
}

/**
 * Makes each `src/**\/*_worker.ts` a main module beside main.ts, and rewrites its URL, because the bundler leaves
 * `new URL(…)` as it is and writes all modules to one folder.
 *
 * @returns the names of the new main modules
 */
function bringWorkersUp(copy: string): string[] {
  const workers: string[] = [];
  for (const path of filesBelow(join(copy, "src"))) {
    const text = Deno.readTextFileSync(path);
    const fitted = text.replaceAll(
      WORKER_URL,
      (_, name) => `new URL("./${name}.js", import.meta.url)`,
    );
    if (fitted !== text) Deno.writeTextFileSync(path, fitted);
    if (!path.endsWith("_worker.ts")) continue;
    const name = basename(path);
    const from = `./${relative(copy, path).replaceAll("\\", "/")}`;
    Deno.writeTextFileSync(join(copy, name), `import ${JSON.stringify(from)};\n`);
    workers.push(name);
  }
  return workers;
}

function filesBelow(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const path = join(folder, name);
    return isDirectory ? filesBelow(path) : [path];
  });
}
