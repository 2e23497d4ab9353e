import { createHash } from "node:crypto";
import { join } from "node:path";
import { DAY } from "../cache/test_cache.ts";
import { run } from "../cli/commands.ts";
import { childEnvironment, DENO_DIR } from "../cli/environment.ts";

const DEFINITION = join(import.meta.dirname!, "npm_tools");
const FILES = ["package.json", "package-lock.json"];

let folder: Promise<string> | undefined;

/**
 * Returns the folder of componentize-js and jco, which tests and benchmarks run on Node. The packages are installed
 * once, by a lock file with hashes, into Deno's cache folder.
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
  // None of the packages needs its install scripts.
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
 * Returns a folder in Deno's cache folder, which `make` fills if there is none for these inputs. The folder is
 * never incomplete: it is renamed when it is ready.
 *
 * @param inputs files on which the content depends
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
  const temporary = Deno.makeTempDirSync({ dir: root, prefix: `${name}-` });
  try {
    await make(temporary);
    Deno.renameSync(temporary, folder);
  } catch (error) {
    Deno.removeSync(temporary, { recursive: true });
    if (!exists(folder)) throw error; // Otherwise another process was faster.
  }
  return folder;
}

/** Removes folders of other inputs and unfinished ones, unless another process may be using them. */
function removeOlder(root: string, name: string): void {
  for (const entry of Deno.readDirSync(root)) {
    const path = join(root, entry.name);
    if (!entry.name.startsWith(`${name}-`)) continue;
    try {
      const { mtime } = Deno.statSync(path);
      if (Date.now() - mtime!.getTime() > DAY) Deno.removeSync(path, { recursive: true });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error; // Another process was faster.
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
