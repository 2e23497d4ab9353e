import { dirname } from "node:path";
import { sleep } from "../../base/concurrency.ts";
import { diskError, ensureFolder, FILE_MODE, isNotFound, removeIfAny } from "../../base/files.ts";
import { LOCK_POLL } from "../../base/limits.ts";
import { lockFile } from "../locks/file_lock.ts";

/** Suffix of this process's partial files on a file system without locks. */
let suffix: string | undefined;

/** The partial files that this process is writing without a lock. */
const unlocked = new Set<string>();

/** A partial file that this process alone writes to, until {@link releasePartial}. */
export interface PartialFile {
  readonly file: Deno.FsFile;
  readonly path: string;
}

/**
 * Opens a partial file and takes its lock, waiting for another process that has it. On a file system without locks,
 * opens a file with a suffix of this process instead. The file may have been deleted when this returns.
 *
 * @param options `waiting` is called once if another writer has to be waited for
 * @throws LarderError LDR_DISK*, LDR_INTERRUPTED
 */
export async function claimPartial(
  path: string,
  options: {
    waiting?: ((holders: string) => void) | undefined;
    signal?: AbortSignal | undefined;
  },
): Promise<PartialFile> {
  for (let waited = false;; waited = true) {
    const shared = openPartial(path);
    if (!shared) continue;
    try {
      if (await lockFile(shared, true, options) === "taken") return { file: shared, path };
    } catch (error) {
      shared.close();
      throw diskError(error, "open", path);
    }
    if (shared.statSync().size === 0) removeIfAny(path);
    shared.close();
    const own = `${path}.${suffix ??= crypto.randomUUID().slice(0, 8)}`;
    if (!unlocked.has(own)) {
      const file = openPartial(own);
      if (!file) continue;
      unlocked.add(own);
      return { file, path: own };
    }
    if (!waited) options.waiting?.("");
    await sleep(LOCK_POLL, options.signal);
  }
}

/** Closes a partial file, which also releases its lock. */
export function releasePartial({ file, path }: PartialFile): void {
  unlocked.delete(path);
  file.close();
}

/** Opens or creates a partial file; returns undefined if its folder was deleted meanwhile. */
function openPartial(path: string): Deno.FsFile | undefined {
  const options = { read: true, write: true, create: true, mode: FILE_MODE };
  try {
    return Deno.openSync(path, options);
  } catch (error) {
    if (!isNotFound(error)) throw diskError(error, "write", path);
  }
  ensureFolder(dirname(path));
  try {
    return Deno.openSync(path, options);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw diskError(error, "write", path);
  }
}
