import { join } from "node:path";
import { writeFileUnsynced } from "../base/files/atomic_write.ts";
import { isNotFound, removeIfAny, statIfAny } from "../base/files/files.ts";
import { systemCode } from "../base/files/system_error.ts";

/** File in the `registry` folder whose presence says that its names have `_` for `:`. */
export const NO_COLONS_FILE = "names-without-colons";

/** What is known of caches, by the path of their `registry` folder. */
const known = new Map<string, boolean>();

/**
 * True if the names in a cache have `_` for `:`, as on Windows: its file system, such as exFAT or NTFS through FUSE,
 * refuses `:`. Looked up once for each cache.
 */
export function hasNoColons(root: string): boolean {
  let result = known.get(root);
  if (result === undefined) known.set(root, result = Deno.build.os === "windows" || isMarked(root));
  return result;
}

function isMarked(root: string): boolean {
  try {
    return statIfAny(join(root, NO_COLONS_FILE)) !== undefined;
  } catch {
    return false; // Whatever reads the cache next reports the failure.
  }
}

/**
 * Tries whether the file system refuses names with `:`, and if so, decides for names without. The `registry` folder
 * must exist.
 *
 * @returns true if names have changed
 */
export function adaptToFileSystem(root: string): boolean {
  if (hasNoColons(root) || !refusesColons(root)) return false;
  writeFileUnsynced(
    join(root, NO_COLONS_FILE),
    "This file system refuses colons: names in this cache have _ instead.\n",
  );
  known.set(root, true);
  return true;
}

function refusesColons(root: string): boolean {
  // Always the same name, so that the next probe removes what a killed process left.
  const path = join(root, "probe:0");
  try {
    Deno.openSync(path, { write: true, create: true }).close();
    removeIfAny(path);
    return false;
  } catch (error) {
    return systemCode(error) === "EINVAL" || (isNotFound(error) && statIfAny(root) !== undefined);
  }
}
