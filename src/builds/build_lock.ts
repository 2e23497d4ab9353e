import { ensureFolder, FILE_MODE, isNotFound, removeIfAny } from "../base/files/files.ts";
import { diskError } from "../base/files/system_error.ts";
import type { Digest } from "../oci/digest.ts";
import type { Layout } from "../store/layout.ts";
import { openLocked } from "../store/locks/file_lock.ts";

export interface BuildLockOptions {
  /** Called once if another process builds the same. @param holders names it, empty if it is unknown */
  readonly waiting: (holders: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs `work` while no other process builds the same key. Waits for another one without a limit, because a build may
 * take hours. On a file system without locks, both build.
 *
 * @throws LarderError LDR_INTERRUPTED, LDR_DISK*
 */
export async function withBuildLock<T>(
  layout: Layout,
  key: Digest,
  work: () => Promise<T>,
  options: BuildLockOptions,
): Promise<T> {
  const path = layout.buildLock(key);
  const { file } = (await openLocked(path, true, () => open(layout, path), options))!;
  try {
    return await work();
  } finally {
    removeIfAny(path);
    file.close();
  }
}

function open({ rooms }: Layout, path: string): Deno.FsFile {
  for (;;) {
    ensureFolder(rooms);
    try {
      return Deno.openSync(path, { read: true, write: true, create: true, mode: FILE_MODE });
    } catch (error) {
      // The cache was deleted in between.
      if (!isNotFound(error)) throw diskError(error, "write", path);
    }
  }
}
