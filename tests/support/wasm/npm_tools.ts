import { createHash } from "node:crypto";
import { join } from "node:path";
import { childEnvironment, DENO_DIR } from "../cli/environment.ts";
import { DAY } from "../cache/cache_folder.ts";
import { run } from "../cli/commands.ts";

const DEFINITION = join(import.meta.dirname!, "npm_tools");
const FILES = ["package.json", "package-lock.json"];

let folder: Promise<string> | undefined;

/**
 * The folder of the programs on Node that tests and benches call: componentize-js and jco. Its packages are those
 * of a lock file, with their hashes; they are installed once, into Deno's cache folder.
 */
export function npmTools(): Promise<string> {
  return folder ??= cached(
    "npm-tools",
    FILES.map((name) => join(DEFINITION, name)),
    install,
  );
}

async function install(folder: string): Promise<void> {
  for (const name of FILES) {
    Deno.copyFileSync(join(DEFINITION, name), join(folder, name));
  }
  // No package's own scripts are run: none of these needs its.
  await run("npm", [
    "ci",
    "--prefix",
    folder,
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
  ], {
    env: childEnvironment({}, { downloads: true }),
  });
}

/**
 * A folder in Deno's cache folder that `make` fills where none is for these inputs: what takes long to make is
 * made once on a machine, and never half.
 *
 * @param inputs files that decide what comes of it
 */
export async function cached(
  name: string,
  inputs: readonly string[],
  make: (folder: string) => Promise<void>,
): Promise<string> {
  const root = join(DENO_DIR, "larder-tests");
  const hash = createHash("sha256");
  for (const input of inputs) {
    const bytes = Deno.readFileSync(input);
    hash.update(`${bytes.length}\0`).update(bytes);
  }
  const folder = join(root, `${name}-${hash.digest("hex").slice(0, 16)}`);
  if (exists(folder)) return folder;
  Deno.mkdirSync(root, { recursive: true });
  removeOlder(root, name);
  const making = Deno.makeTempDirSync({ dir: root, prefix: `${name}-` });
  try {
    await make(making);
    Deno.renameSync(making, folder);
  } catch (error) {
    Deno.removeSync(making, { recursive: true });
    if (!exists(folder)) throw error; // Otherwise somebody else was faster.
  }
  return folder;
}

/** Removes what other inputs have led to, and what was never finished, unless somebody may be at it. */
function removeOlder(root: string, name: string): void {
  for (const entry of Deno.readDirSync(root)) {
    const path = join(root, entry.name);
    if (!entry.name.startsWith(`${name}-`)) continue;
    try {
      const { mtime } = Deno.statSync(path);
      if (Date.now() - mtime!.getTime() > DAY) Deno.removeSync(path, { recursive: true });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error; // Somebody else was faster.
    }
  }
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}
