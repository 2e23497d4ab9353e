import { dirname } from "node:path";
import { LOCK_WAIT } from "../base/defaults.ts";
import { LarderError } from "../base/errors.ts";
import { diskError, ensureFolder, FILE_MODE } from "../base/files.ts";
import { formatDuration } from "../base/units.ts";
import { lockFile } from "./file_lock.ts";
import type { Layout } from "./layout.ts";

/**
 * Runs `work` while holding the store's lock shared: any number may write at once, but no sweep runs.
 *
 * @param waiting called once if a sweep is under way and has to be waited for
 * @throws LarderError LDR_BUSY if it does not end in time, LDR_DISK*, LDR_INTERRUPTED
 */
export async function withSharedLock<T>(
  layout: Layout,
  work: () => Promise<T>,
  options: { waiting?: () => void; signal?: AbortSignal | undefined } = {},
): Promise<T> {
  const file = openLock(layout);
  try {
    const locked = await lockFile(file, false, { ...options, timeout: LOCK_WAIT });
    if (!locked) {
      throw new LarderError(
        "LDR_BUSY",
        `another larder has been cleaning ${layout.root} for ${formatDuration(LOCK_WAIT)}`,
        { hint: "wait for it to end, or end it, and try again" },
      );
    }
    return await work();
  } finally {
    file.close();
  }
}

function openLock(layout: Layout): Deno.FsFile {
  ensureFolder(dirname(layout.lock));
  try {
    return Deno.openSync(layout.lock, { read: true, write: true, create: true, mode: FILE_MODE });
  } catch (error) {
    throw diskError(error, "write", layout.lock);
  }
}
