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
import { basename, dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { removeIfAny } from "../src/base/files/files.ts";
import { Hasher } from "../src/oci/hash.ts";
import { BINARY_PERMISSIONS } from "./binary_permissions.ts";
import { bundle, SOURCES } from "./bundle/bundle.ts";
import { CompileError } from "./compile_error.ts";
import { run } from "./run_program.ts";

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
/**
 * V8's flags. The semi-spaces of its young generation, of which there are up to three, have 8 MiB each. By default they
 * grow to 96 MiB and more, which makes larder no faster: reading a cache of 100,000 blobs took 302 MiB at its peak, and
 * 184 MiB with this flag. The size is fixed, because a pull of 1 GiB spends 0.3 s more in the system if V8 lets them
 * grow.
 *
 * `larder run` collects garbage when it becomes idle (`run/server/worker_pool.ts`), for which it needs `gc`.
 */
const V8_FLAGS = "--v8-flags=--max-semi-space-size=8,--min-semi-space-size=8,--expose-gc";

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
    ...[...Deno.readDirSync(dirname(entry))].filter(({ name }) => /_worker\.js$|\.gz$/.test(name))
      .map(({ name }) => `--include=${join(dirname(entry), name)}`),
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

if (import.meta.main) {
  try {
    compile(Deno.args);
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    console.error(`compile: ${error.message}`);
    Deno.exit(1);
  }
}
