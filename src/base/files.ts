import { LarderError, messageOf } from "./errors.ts";
import { COPY_BUFFER } from "./limits.ts";

/** Mode of folders that larder creates; one that exists keeps its own. */
const FOLDER_MODE = 0o700;
/** Mode of files that larder creates. */
export const FILE_MODE = 0o600;

const decoder = new TextDecoder();

/** Turns an operating system error on `path` into the LarderError that says what to do; others pass through. */
export function diskError(error: unknown, action: string, path: string): unknown {
  if (error instanceof LarderError || !(error instanceof Error)) return error;
  const code = (error as { code?: string }).code;
  const subject = `cannot ${action} ${path}`;
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new LarderError("LDR_DISK_FULL", `${subject}: the disk is full`, {
      hint:
        "free some space, or use another disk; the cache's place is --cache-dir or LARDER_CACHE_DIR",
      cause: error,
    });
  }
  if (code === "EROFS") {
    return new LarderError("LDR_READ_ONLY", `${subject}: the file system is read-only`, {
      hint: "choose a place that can be written; the cache's is --cache-dir or LARDER_CACHE_DIR",
      cause: error,
    });
  }
  if (code === "EACCES" || code === "EPERM" || error instanceof Deno.errors.PermissionDenied) {
    return new LarderError("LDR_PERMISSION", `${subject}: permission denied`, {
      hint:
        "make it yours, or choose another place; the cache's is --cache-dir or LARDER_CACHE_DIR",
      cause: error,
    });
  }
  if (code === "ENOTDIR" || code === "EEXIST" || error instanceof Deno.errors.NotADirectory) {
    return new LarderError("LDR_DISK", `${subject}: a file stands where a folder should be`, {
      hint: "move that file away, or choose another place; the cache's is --cache-dir",
      cause: error,
    });
  }
  if (code === undefined) return error;
  return new LarderError("LDR_DISK", `${subject}: ${messageOf(error)}`, {
    hint: "look at the disk and the folder's permissions",
    cause: error,
  });
}

/** Creates a folder and its parents, private to the user. One that exists is left as it is. */
export function ensureFolder(path: string): void {
  try {
    Deno.mkdirSync(path, { recursive: true, mode: FOLDER_MODE });
  } catch (error) {
    if (isFolder(path)) return;
    throw diskError(error, "create the folder", path);
  }
}

/** Metadata of `path`, not following a link, or undefined where nothing is there. */
export function statIfAny(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw diskError(error, "look at", path);
  }
}

/** The text of a file, or undefined where there is none. */
export function readTextIfAny(path: string): string | undefined {
  const bytes = readBytesIfAny(path);
  return bytes && decoder.decode(bytes);
}

/** The text of an open (small) file, from its position on. */
export function readText(file: Deno.FsFile): string {
  const bytes = new Uint8Array(file.statSync().size);
  let length = 0;
  for (let read; (read = file.readSync(bytes.subarray(length)));) length += read;
  return decoder.decode(bytes.subarray(0, length));
}

/** The bytes of a (small) file, or undefined where there is none, or one that has more than `limit`. */
export function readBytesIfAny(
  path: string,
  limit = Infinity,
): Uint8Array<ArrayBuffer> | undefined {
  if (limit < Infinity && (statIfAny(path)?.size ?? 0) > limit) return undefined;
  try {
    return Deno.readFileSync(path);
  } catch (error) {
    if (isNotFound(error) || error instanceof Deno.errors.IsADirectory) return undefined;
    throw diskError(error, "read", path);
  }
}

/** What lies in a folder; nothing where there is none. */
export function readFolder(path: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(path)];
  } catch (error) {
    if (isNotFound(error)) return [];
    throw diskError(error, "list", path);
  }
}

/**
 * Writes a small file whole or not at all: to a temporary name beside it, synced, then renamed over it.
 * The folder must exist. A temporary file that a killed process left behind is used up by the next write.
 */
export function writeFileAtomic(path: string, data: Uint8Array | string): void {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  replaceFile(path, (file) => {
    writeAll(file, bytes);
    file.syncSync();
  });
}

/** As {@link writeFileAtomic}, but a power cut may leave it empty: for what is then simply found out anew. */
export function writeFileUnsynced(path: string, data: string): void {
  replaceFile(path, (file) => writeAll(file, new TextEncoder().encode(data)));
}

/** Copies a file of any size as {@link writeFileAtomic} writes a small one. */
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
    target.syncSync();
  });
}

function replaceFile(path: string, fill: (file: Deno.FsFile) => void): void {
  const { file, temporary } = openTemporary(path);
  try {
    try {
      file.truncateSync(0);
      fill(file);
      // Renamed while the lock is held, so that no other writer can take the file up in between.
      Deno.renameSync(temporary, path);
    } catch (error) {
      removeIfAny(temporary);
      throw error;
    } finally {
      file.close();
    }
  } catch (error) {
    throw diskError(error, "write", path);
  }
}

/** `path.tmp` if nobody else is writing there, otherwise a name of our own. */
function openTemporary(path: string): { file: Deno.FsFile; temporary: string } {
  const shared = `${path}.tmp`;
  try {
    const file = Deno.openSync(shared, { write: true, create: true, mode: FILE_MODE });
    if (tryOwn(file, shared)) return { file, temporary: shared };
    file.close();
    const own = `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
    const options = { write: true, createNew: true, mode: FILE_MODE };
    return { file: Deno.openSync(own, options), temporary: own };
  } catch (error) {
    throw diskError(error, "write", path);
  }
}

function tryOwn(file: Deno.FsFile, path: string): boolean {
  try {
    if (typeof file.tryLockSync === "function") {
      if (!file.tryLockSync(true)) return false;
    } else {
      file.lockSync(true);
    }
    return isStillAt(file, path);
  } catch {
    return false; // No locks on this file system.
  }
}

/** Whether an open file is still the one that stands at `path`. */
export function isStillAt(file: Deno.FsFile, path: string): boolean {
  const there = statIfAny(path);
  if (!there) return false;
  const here = file.statSync();
  // Windows may give no inode numbers; an open file cannot be replaced there either.
  return here.ino === null || (here.ino === there.ino && here.dev === there.dev);
}

/**
 * Whether the file system keeps the modes of its files. Windows, FAT and most shares make them up.
 * @param path a file of larder's own; without one the answer is yes
 */
export function keepsModes(path: string): boolean {
  try {
    Deno.chmodSync(path, FILE_MODE);
  } catch (error) {
    return !(error instanceof Deno.errors.NotSupported);
  }
  const mode = statIfAny(path)?.mode;
  return typeof mode !== "number" || (mode & 0o777) === FILE_MODE;
}

/** Writes every byte of `data` at the file's position. */
export function writeAll(file: Deno.FsFile, data: Uint8Array): void {
  for (let written = 0; written < data.length;) {
    written += file.writeSync(written === 0 ? data : data.subarray(written));
  }
}

/** Makes the names in a folder durable. Windows and some network file systems cannot; they need not. */
export function syncFolder(path: string): void {
  if (Deno.build.os === "windows") return;
  try {
    const folder = Deno.openSync(path, { read: true });
    try {
      folder.syncSync();
    } finally {
      folder.close();
    }
  } catch {
    // The names are in place; only their durability across a power cut is unknown.
  }
}

/**
 * Gives a file this time (milliseconds since the epoch), if that can be done: the last use is a hint for the collector,
 * and a cache that is read-only can still be read.
 */
export function tryTouch(path: string, now: number): void {
  try {
    Deno.utimeSync(path, new Date(now), new Date(now));
  } catch {
    // Read-only, or gone.
  }
}

/** Removes a file if it is there. */
export function removeIfAny(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!isNotFound(error)) throw diskError(error, "remove", path);
  }
}

/** Whether an error, however it was put, comes of a file or folder that was deleted meanwhile. */
export function isDeletionError(error: unknown): boolean {
  if (error instanceof LarderError) return isDeletionError(error.cause);
  return error instanceof Deno.errors.NotFound;
}

/** Whether an operating system error says that nothing is there. */
export function isNotFound(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory;
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

/** By this a file is told from another of the same name, and from itself once it was written to. */
export interface FileStamp {
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly mtime: number;
  /** Null where there are no such numbers. */
  readonly ino: number | null;
}

export function stampOf({ size, mtime, ino }: Deno.FileInfo): FileStamp {
  return { size, mtime: mtime?.getTime() ?? 0, ino };
}

export function isSameFile(a: FileStamp, b: FileStamp): boolean {
  return a.size === b.size && a.mtime === b.mtime && a.ino === b.ino;
}
