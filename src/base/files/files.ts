import { concatBytes } from "../bytes.ts";
import { LarderError } from "../errors.ts";
import { COPY_BUFFER } from "../limits.ts";
import {
  diskError,
  isFolder,
  isUnsupported,
  notAFolder,
  obstacleTo,
  systemCode,
} from "./system_error.ts";

/** Mode of folders that larder creates; existing folders keep theirs. */
const FOLDER_MODE = 0o700;
/** Mode of files that larder creates. */
export const FILE_MODE = 0o600;

const decoder = new TextDecoder();

/** Creates a folder and its parents, private to the user, unless the folder exists. */
export function ensureFolder(path: string): void {
  try {
    Deno.mkdirSync(path, { recursive: true, mode: FOLDER_MODE });
  } catch (error) {
    if (isFolder(path)) return;
    throw diskError(error, "create the folder", path);
  }
}

/** Returns the metadata of `path` without following a link, or undefined if nothing is there. */
export function statIfAny(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw diskError(error, "inspect", path);
  }
}

/** Returns the text of a file, or undefined if there is none. */
export function readTextIfAny(path: string): string | undefined {
  const bytes = readBytesIfAny(path);
  return bytes && decoder.decode(bytes);
}

/** Reads the text of a small open file from its current position. */
export function readText(file: Deno.FsFile): string {
  const bytes = new Uint8Array(file.statSync().size);
  let length = 0;
  for (let read; (read = file.readSync(bytes.subarray(length)));) length += read;
  return decoder.decode(bytes.subarray(0, length));
}

/** Reads a small file; returns undefined if there is none or it has more than `limit` bytes. */
export function readBytesIfAny(
  path: string,
  limit = Infinity,
): Uint8Array<ArrayBuffer> | undefined {
  if (STDIN.includes(path) && !Deno.stdin.isTerminal()) return readStdin(limit);
  if (limit < Infinity && (statIfAny(path)?.size ?? 0) > limit) return undefined;
  try {
    return Deno.readFileSync(path);
  } catch (error) {
    if (isNotFound(error) || error instanceof Deno.errors.IsADirectory) return undefined;
    throw diskError(error, "read", path);
  }
}

/** The names of the standard input, which the runtime does not open like other files. */
const STDIN = ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"];

function readStdin(limit: number): Uint8Array<ArrayBuffer> | undefined {
  const chunks: Uint8Array[] = [];
  const buffer = new Uint8Array(COPY_BUFFER);
  for (let read; (read = Deno.stdin.readSync(buffer)) !== null;) chunks.push(buffer.slice(0, read));
  const bytes = concatBytes(chunks);
  return bytes.length > limit ? undefined : bytes;
}

/**
 * Returns the entries of a folder; none if it does not exist.
 * @throws LarderError LDR_DISK if a file or a link to nothing is in its place; LDR_PERMISSION
 */
export function readFolder(path: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(path)];
  } catch (error) {
    if (isNotFound(error)) {
      const obstacle = obstacleTo(path);
      if (obstacle !== undefined) throw notAFolder(`cannot list ${path}`, obstacle);
      return [];
    }
    throw diskError(error, "list", path);
  }
}

/** True if `path` still names the open file, which may have been deleted or replaced since it was opened. */
export function isStillAt(file: Deno.FsFile, path: string): boolean {
  const current = statIfAny(path);
  if (!current) return false;
  let opened: Deno.FileInfo;
  try {
    opened = file.statSync();
  } catch (error) {
    if (systemCode(error) === "ESTALE") return false; // Another machine deleted it (NFS).
    throw error;
  }
  // Windows may report no inode numbers, but does not let an open file be replaced either.
  return opened.ino === null || (opened.ino === current.ino && opened.dev === current.dev);
}

/** Writes all of `data` at the current position of the file. */
export function writeAll(file: Deno.FsFile, data: Uint8Array): void {
  for (let written = 0; written < data.length;) {
    written += file.writeSync(written === 0 ? data : data.subarray(written));
  }
}

/** Syncs a file to the disk, if its file system can; some of FUSE's cannot. */
export function syncFile(file: Deno.FsFile): void {
  try {
    file.syncSync();
  } catch (error) {
    if (!isUnsupported(error)) throw error;
  }
}

/** Syncs the names in a folder to the disk, where the system supports it; Windows and some network shares do not. */
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
    // The names exist; only their durability across a power failure is unknown.
  }
}

/**
 * Sets the times of a file (milliseconds since the epoch). Ignores failures: the last use is only a hint for eviction,
 * and a read-only cache must remain usable.
 */
export function tryTouch(path: string, now: number): void {
  try {
    Deno.utimeSync(path, new Date(now), new Date(now));
  } catch {
    // Read-only, or deleted.
  }
}

/** Removes a file if it exists. */
export function removeIfAny(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!isNotFound(error)) throw diskError(error, "remove", path);
  }
}

/** Removes a folder unless it has something in it. */
export function removeFolderIfEmpty(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // Not empty, deleted by another process, or not of this user: nothing needs it to go.
  }
}

/** True if an error, or its cause, says that a file or folder does not exist: it was deleted during the operation. */
export function isDeletionError(error: unknown): boolean {
  if (error instanceof LarderError) return isDeletionError(error.cause);
  return error instanceof Deno.errors.NotFound;
}

/** True if an operating system error says that nothing exists at a path. */
export function isNotFound(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory;
}

/** Identifies a version of a file: another file of the same name, or a changed one, has another stamp. */
export interface FileStamp {
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly mtime: number;
  /** Null if the system has no inode numbers. */
  readonly ino: number | null;
}

export function stampOf({ size, mtime, ino }: Deno.FileInfo): FileStamp {
  return { size, mtime: mtime?.getTime() ?? 0, ino };
}

export function isSameFile(a: FileStamp, b: FileStamp): boolean {
  return a.size === b.size && a.mtime === b.mtime && a.ino === b.ino;
}
