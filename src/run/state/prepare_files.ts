import { dirname } from "node:path";
import { LarderError } from "../../base/errors.ts";
import { diskError } from "../../base/files/system_error.ts";

/** The first bytes of an SQLite file. Source: SQLite, "Database File Format", §1.3.1. */
const MAGIC = "SQLite format 3\0";

/**
 * Creates the folders of state files, which only this user can read, and checks that those files that exist belong to
 * SQLite.
 * @throws LarderError LDR_DISK*, LDR_PERMISSION
 */
export function prepareStateFiles(paths: readonly string[]): void {
  for (const folder of new Set(paths.map(dirname))) createFolder(folder);
  for (const path of paths) checkFile(path);
}

function createFolder(folder: string): void {
  try {
    Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw diskError(error, "create", folder);
  }
}

function checkFile(path: string): void {
  const start = new Uint8Array(MAGIC.length);
  let count: number | null;
  try {
    const file = Deno.openSync(path);
    try {
      count = file.readSync(start);
    } finally {
      file.close();
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    if (error instanceof Deno.errors.IsADirectory) throw unusable(path, "it is a folder");
    throw diskError(error, "read", path);
  }
  // SQLite makes a database of an empty file.
  if (count === null || new TextDecoder("latin1").decode(start) === MAGIC) return;
  throw unusable(path, "it is not an SQLite file");
}

function unusable(path: string, reason: string): LarderError {
  return new LarderError("LDR_DISK", `cannot use the state file ${path}: ${reason}`, {
    hint:
      "move it away to start with empty stores, restore a copy, or name another folder with --state",
  });
}
