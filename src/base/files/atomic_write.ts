import { COPY_BUFFER } from "../limits.ts";
import { FILE_MODE, isStillAt, removeIfAny, syncFile, writeAll } from "./files.ts";
import { diskError, isUnsupported } from "./system_error.ts";

/**
 * Writes a small file atomically: to a temporary file beside it, which is synced and then renamed. The folder must
 * exist. A temporary file that a killed process left behind is reused by the next write.
 */
export function writeFileAtomic(path: string, data: Uint8Array | string): void {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  replaceFile(path, (file) => {
    writeAll(file, bytes);
    syncFile(file);
  });
}

/** Like {@link writeFileAtomic}, but a power failure may leave the file empty: for data that can be derived again. */
export function writeFileUnsynced(path: string, data: string): void {
  replaceFile(path, (file) => writeAll(file, new TextEncoder().encode(data)));
}

/** Copies a file of any size atomically, as {@link writeFileAtomic} does. */
export function copyFileAtomic(from: string, to: string): void {
  replaceFile(to, (target) => {
    const source = Deno.openSync(from, { read: true });
    try {
      const buffer = new Uint8Array(COPY_BUFFER);
      for (let read; (read = source.readSync(buffer)) !== null;) {
        writeAll(target, buffer.subarray(0, read));
      }
    } finally {
      source.close();
    }
    syncFile(target);
  });
}

/** An open file that is renamed to its final name once it is written. */
export interface TemporaryFile {
  readonly file: Deno.FsFile;
  readonly temporary: string;
}

function replaceFile(path: string, write: (file: Deno.FsFile) => void): void {
  const open = openTemporary(path);
  try {
    replaceBy(open, path, write);
  } finally {
    open.file.close();
  }
}

/**
 * Writes an open temporary file, which the caller has locked if there are locks, and renames it to `path`. The lock is
 * held meanwhile, so that no other writer can open the temporary file in between.
 */
export function replaceBy(
  { file, temporary }: TemporaryFile,
  path: string,
  write: (file: Deno.FsFile) => void,
): void {
  try {
    file.truncateSync(0);
    write(file);
    Deno.renameSync(temporary, path);
  } catch (error) {
    removeIfAny(temporary);
    throw diskError(error, "write", path);
  }
}

/** Returns the name of the file that is written before it is renamed to `path`. */
export function temporaryOf(path: string): string {
  return `${path}.tmp`;
}

/** Returns a name like {@link temporaryOf} that no other process uses. */
export function uniqueTemporaryOf(path: string): string {
  return `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
}

/** Opens `shared` with a lock, or a file with a unique name if another process is writing to that one. */
export function openTemporary(
  path: string,
  mode = FILE_MODE,
  shared = temporaryOf(path),
): TemporaryFile {
  try {
    const file = Deno.openSync(shared, { write: true, create: true, mode });
    const isLocked = tryLock(file, shared);
    if (isLocked) return { file, temporary: shared };
    file.close();
    if (isLocked === undefined) removeIfAny(shared); // No process uses this name without a lock.
    const unique = uniqueTemporaryOf(path);
    const options = { write: true, createNew: true, mode };
    return { file: Deno.openSync(unique, options), temporary: unique };
  } catch (error) {
    throw diskError(error, "write", path);
  }
}

/** True if this process has locked the file and `path` still names it; undefined if the file system has no locks. */
function tryLock(file: Deno.FsFile, path: string): boolean | undefined {
  try {
    if (typeof file.tryLockSync === "function") {
      if (!file.tryLockSync(true)) return false;
    } else {
      file.lockSync(true);
    }
    return isStillAt(file, path);
  } catch (error) {
    return isUnsupported(error) ? undefined : false;
  }
}
