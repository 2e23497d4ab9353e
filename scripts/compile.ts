// deno-lint-ignore-file no-console
/**
 * Builds the files of a release in dist: larder-<target>, one binary for each target, the man page larder.1, SHA256SUMS
 * of these, and the install scripts.
 *
 *   deno task compile [--target TARGET]... [--all] [--output DIR]
 *
 * COMPILE_DENO  the deno to compile with; the deno that runs this script does the bundling
 * DENORT_BIN    Deno's own variable: the runtime base to use if it cannot be downloaded
 */
import { cpSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { removeIfAny } from "../src/base/files/files.ts";
import { Hasher } from "../src/oci/hash.ts";
import {
  embeddedName,
  readPackageFile,
  TRANSPILER_FILES,
} from "../src/run/engine/compile/transpiler_files.ts";
import {
  embeddedWrapperName,
  readWrapperFile,
  WRAPPER_FILES,
} from "../src/run/engine/compile/wrapper_files.ts";
import { BINARY_PERMISSIONS } from "./binary_permissions.ts";
import { checkDisposals } from "./check_bundle.ts";
import { CompileError } from "./compile_error.ts";
import { deferBuiltins, REPLACEMENTS } from "./deferred_builtins.ts";

const TARGETS = [
  "x86_64-unknown-linux-gnu",
  "aarch64-unknown-linux-gnu",
  "x86_64-apple-darwin",
  "aarch64-apple-darwin",
  "x86_64-pc-windows-msvc",
  "aarch64-pc-windows-msvc",
];

const SCRIPTS = import.meta.dirname!;
const ROOT = join(SCRIPTS, "..");
const INSTALLERS = ["install.sh", "install.ps1"];
const MAN_PAGE = "larder.1";
const SOURCES = ["main.ts", "src", "deno.json", "deno.lock", "package.json"];
/**
 * V8's flags. MiB of each of the up to three semi-spaces of V8's young generation. By default they grow to 96 MiB and more, which
 * makes larder no faster: reading a cache of 100,000 blobs took 302 MiB at its peak, and 184 MiB with this flag. The
 * size is fixed, because a pull of 1 GiB spends 0.3 s more in the system if V8 lets them grow.
 *
 * `larder run` collects garbage when it becomes idle (`run/server/worker_pool.ts`), for which it needs `gc`.
 */
const V8_FLAGS = "--v8-flags=--max-semi-space-size=8,--min-semi-space-size=8,--expose-gc";
const VERSION_FILE = "src/cli/version.ts";
/** The URL by which a module names its worker. */
const WORKER_URL = /new URL\("\.\/(\w+_worker)\.ts", import\.meta\.url\)/g;
const COMMIT_LINE = /^export const COMMIT = "development";$/m;

interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function compile(args: string[]): void {
  const { targets, output } = parse(args);
  const compiler = Deno.env.get("COMPILE_DENO") || Deno.execPath();
  const work = Deno.makeTempDirSync({ prefix: "larder-compile-" });
  try {
    const entry = bundle(work, commit());
    Deno.mkdirSync(output, { recursive: true });
    for (const target of targets) {
      const binary = join(output, binaryName(target));
      replaceBinary(binary, (fresh) => {
        compileTarget({ compiler, entry, target, binary: fresh });
        if (target === Deno.build.target) tryOut(fresh);
      });
      const size = (Deno.statSync(binary).size / 1e6).toFixed(1);
      console.log(`${binary} (${size} MB)`);
    }
    Deno.copyFileSync(join(ROOT, "docs/man", MAN_PAGE), join(output, MAN_PAGE));
    writeSums(output);
    for (const name of INSTALLERS) Deno.copyFileSync(join(SCRIPTS, name), join(output, name));
  } finally {
    Deno.removeSync(work, { recursive: true });
  }
}

function parse(args: string[]): { targets: string[]; output: string } {
  const { values } = parseArgs({
    args,
    options: {
      target: { type: "string", multiple: true, default: [] },
      all: { type: "boolean", default: false },
      output: { type: "string", default: join(ROOT, "dist") },
    },
  });
  const asked = values.target.length > 0 ? values.target : [Deno.build.target];
  const targets = values.all ? TARGETS : [...new Set(asked)];
  const unknown = targets.find((target) => !TARGETS.includes(target));
  if (unknown) {
    throw new CompileError(`unknown target "${unknown}"; known are:\n  ${TARGETS.join("\n  ")}`);
  }
  if (targets.length > 1 && Deno.env.get("DENORT_BIN")) {
    throw new CompileError("DENORT_BIN is the base of one target: name this target with --target");
  }
  return { targets, output: resolve(values.output) };
}

function binaryName(target: string): string {
  return `larder-${target}${target.includes("windows") ? ".exe" : ""}`;
}

/** Returns the commit of the working tree, with `-dirty` if the sources differ from it. */
function commit(): string {
  const head = run("git", ["-C", ROOT, "rev-parse", "--short=12", "HEAD"]);
  if (head.code !== 0) return "unknown";
  const changes = run("git", ["-C", ROOT, "status", "--porcelain", "--", ...SOURCES]);
  return head.stdout.trim() + (changes.stdout.trim() ? "-dirty" : "");
}

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

/** Makes a binary beside the old one, because Deno deletes what is at its output before the compile can fail. */
function replaceBinary(binary: string, make: (fresh: string) => void): void {
  // The name ends as the other one: Deno adds .exe where it is missing.
  const fresh = join(dirname(binary), `new-${basename(binary)}`);
  try {
    make(fresh);
    Deno.renameSync(fresh, binary);
  } catch (error) {
    removeIfAny(fresh);
    throw error;
  }
}

function compileTarget(
  build: { compiler: string; entry: string; target: string; binary: string },
): void {
  const { compiler, entry, target, binary } = build;
  const result = run(compiler, [
    "compile",
    "--quiet",
    "--no-check",
    "--no-config",
    "--no-lock",
    // Deno keeps the code cache at a predictable path in the shared temporary folder, where another user could plant
    // one. A start takes about 3 ms longer without it.
    "--no-code-cache",
    // For the UDP sockets of guests.
    "--unstable-net",
    // For the restricted permissions of guests' threads.
    "--unstable-worker-options",
    V8_FLAGS,
    ...BINARY_PERMISSIONS,
    // Workers and data are loaded by URL at run time, so the compiler does not find them.
    ...filesBelow(dirname(entry)).filter((path) => /_worker\.js$|\.gz$/.test(path))
      .map((path) => `--include=${path}`),
    `--target=${target}`,
    `--output=${binary}`,
    entry,
  ]);
  if (result.code === 0) return;
  if (/denort|base binary|dl\.deno\.land/i.test(result.stderr)) {
    throw new CompileError(
      `cannot get Deno's runtime base for ${target}:\n${result.stderr}\n` +
        "hint: Deno downloads it from dl.deno.land once; if it cannot, set DENORT_BIN to a denort of the " +
        "compiling Deno's version (COMPILE_DENO) and this target",
    );
  }
  throw new CompileError(`compiling for ${target} failed:\n${result.stderr}`);
}

function filesBelow(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const path = join(folder, name);
    return isDirectory ? filesBelow(path) : [path];
  });
}

/** Runs the binary for this machine once, with an empty home. */
function tryOut(binary: string): void {
  const home = Deno.makeTempDirSync();
  try {
    const env = { HOME: home, PATH: "" };
    const result = run(binary, ["--version"], { env, clearEnv: true, cwd: home });
    if (result.code !== 0 || !result.stdout.startsWith("larder ")) {
      throw new CompileError(`${binary} does not start:\n${result.stderr}`);
    }
  } finally {
    Deno.removeSync(home, { recursive: true });
  }
}

/** Lists the binaries and the man page in the format of `sha256sum -c`. */
function writeSums(folder: string): void {
  const names = [...Deno.readDirSync(folder)].map((entry) => entry.name)
    .filter((name) => name === MAN_PAGE || TARGETS.some((target) => name === binaryName(target)))
    .sort();
  const lines = names.map((name) => `${sha256(join(folder, name))}  ${name}\n`);
  Deno.writeTextFileSync(join(folder, "SHA256SUMS"), lines.join(""));
}

function sha256(path: string): string {
  const hasher = new Hasher();
  hasher.update(Deno.readFileSync(path));
  return hasher.digest().slice("sha256:".length);
}

function run(program: string, args: string[], options: Deno.CommandOptions = {}): Output {
  try {
    const env = { NO_COLOR: "1", ...options.env };
    const command = new Deno.Command(program, { args, stdin: "null", ...options, env });
    const { code, stdout, stderr } = command.outputSync();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return {
      code,
      stdout: text(stdout),
      stderr: text(stderr).split("\nStack backtrace:")[0]!.trimEnd(),
    };
  } catch (error) {
    return { code: 127, stdout: "", stderr: `${basename(program)}: ${(error as Error).message}` };
  }
}

if (import.meta.main) {
  try {
    compile(Deno.args);
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    console.error(`compile: ${error.message}`);
    Deno.exit(1);
  }
}
