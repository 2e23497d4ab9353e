import { basename, dirname, join } from "node:path";
import { LarderError, shellWord } from "../base/errors.ts";
import { uniqueTemporaryOf } from "../base/files/atomic_write.ts";
import { isNotFound, readFolder, removeIfAny, statIfAny } from "../base/files/files.ts";
import { openIfAny } from "../base/files/open_file.ts";
import {
  GIVEN_MODE,
  givenTemporaryOf,
  openEmpty,
  rejectSpecialFile,
} from "../base/files/place_file.ts";
import { diskError, notAFolder, obstacleTo } from "../base/files/system_error.ts";
import { lockFile } from "../store/locks/file_lock.ts";
import type { Compression } from "./compression.ts";
import { LAYOUT_FILE } from "./layout_format.ts";

/** Where an export goes, and in which form. */
export interface Destination {
  readonly form: "folder" | "archive" | "file";
  /** Undefined for standard output. */
  readonly path: string | undefined;
  readonly compression?: Compression | undefined;
}

const ARCHIVES: readonly (readonly [suffix: RegExp, compression: Compression | undefined])[] = [
  [/\.tar$/i, undefined],
  [/\.(?:tar\.gz|tgz)$/i, "gzip"],
  [/\.(?:tar\.zst|tar\.zstd|tzst)$/i, "zstd"],
];

/** Names of archives that larder does not write: a folder of that name would surprise. */
const OTHER_ARCHIVES = /\.(?:tar\.[a-z0-9]+|t[bx]z2?|zip|7z|rar|gz|zst|xz)$/i;

/**
 * Reads where to export entries to.
 *
 * @param isSingle true for one build or package, which is exported as its file
 * @throws LarderError LDR_USAGE for the name of an archive of another kind, or none
 */
export function destinationOf(path: string, isSingle: boolean): Destination {
  if (path === "") throw emptyPath();
  if (path === "-") return { form: isSingle ? "file" : "archive", path: undefined };
  if (isSingle && /[/\\]$/.test(path)) throw folderNamed(path);
  if (isSingle) return { form: "file", path };
  const archive = ARCHIVES.find(([suffix]) => suffix.test(path));
  if (archive) return { form: "archive", path, compression: archive[1] };
  if (OTHER_ARCHIVES.test(path)) {
    throw new LarderError("LDR_USAGE", `larder does not write archives such as ${path}`, {
      hint: "write .tar, .tar.gz or .tar.zst, or a name without such an ending for a folder",
    });
  }
  return { form: "folder", path };
}

/** Returns the error for a path that is an empty text. */
export function emptyPath(): LarderError {
  return new LarderError("LDR_USAGE", "the path is empty", {
    hint: "write the path of a file or folder, or - for a standard stream",
  });
}

/**
 * Refuses a destination that exists, unless it is an empty folder or is to be replaced.
 * @throws LarderError LDR_USAGE; LDR_DISK for a device or pipe
 */
export function checkDestination({ form, path }: Destination, force: boolean): void {
  if (path === undefined) return;
  rejectSpecialFile(path);
  const parent = dirname(path);
  const obstacle = obstacleTo(parent);
  if (obstacle !== undefined) throw notAFolder(`cannot write ${path}`, obstacle);
  if (!statOf(parent)?.isDirectory) {
    throw new LarderError("LDR_USAGE", `the folder ${parent} does not exist`, {
      hint: `create it: mkdir -p ${shellWord(parent)}`,
    });
  }
  const info = statOf(path);
  if (!info) return;
  if (info.isDirectory) {
    if (form !== "folder") throw folderNamed(path);
    if (readFolder(path).length === 0) return;
    if (force && statIfAny(join(path, LAYOUT_FILE))) return;
    throw new LarderError("LDR_USAGE", `${path} is not empty`, {
      hint: force
        ? "--force replaces only an OCI image layout: remove the folder, or write another name"
        : "write another name, or replace an OCI image layout with --force",
    });
  }
  if (!force) {
    throw new LarderError("LDR_USAGE", `${path} exists`, {
      hint: "write another name, or replace it with --force",
    });
  }
}

function folderNamed(path: string): LarderError {
  return new LarderError("LDR_USAGE", `${path} is a folder`, {
    hint: `write the name of a file, such as ${join(path, "NAME")}`,
  });
}

function statOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw diskError(error, "inspect", path);
  }
}

/**
 * Writes a file under a temporary name beside its own, and renames it. What a killed process left is used again.
 *
 * @param write receives the open file and its temporary name
 * @param mode of the file, before the user's umask
 * @throws LarderError LDR_DISK*, and what `write` throws
 */
export async function writeFile(
  path: string,
  write: (file: Deno.FsFile, temporary: string) => void | Promise<void>,
  mode = GIVEN_MODE,
): Promise<void> {
  const { file, temporary } = openEmpty(path, mode);
  try {
    await write(file, temporary);
    Deno.renameSync(temporary, path);
  } catch (error) {
    removeIfAny(temporary);
    throw diskError(error, "write", path);
  } finally {
    file.close();
  }
}

/**
 * Writes a folder under a temporary name beside its own, and renames it. What a killed process left is removed.
 *
 * @throws LarderError LDR_DISK*, and what `write` throws
 */
export async function writeFolder(
  path: string,
  write: (temporary: string) => Promise<void>,
): Promise<void> {
  const { folder, lock } = await openTemporaryFolder(path);
  try {
    try {
      await write(folder);
    } finally {
      lock.close(); // Windows does not rename a folder with an open file.
    }
    replace(folder, path);
  } catch (error) {
    removeFolder(folder);
    throw diskError(error, "write", path);
  }
}

/** Creates `path.larder.tmp`, or a folder with a unique name if another process is writing to that one. */
async function openTemporaryFolder(
  path: string,
): Promise<{ folder: string; lock: Deno.FsFile }> {
  const shared = givenTemporaryOf(path);
  const unique = uniqueTemporaryOf(path);
  const folder = await isAbandoned(shared) ? shared : unique;
  try {
    if (folder === shared) removeFolder(shared);
    Deno.mkdirSync(folder);
    const options = { read: true, write: true, create: true };
    const lock = Deno.openSync(join(folder, LAYOUT_FILE), options);
    await lockFile(lock, true, NO_WAIT);
    return { folder, lock };
  } catch (error) {
    throw diskError(error, "create the folder", folder);
  }
}

/** Older runtimes wait nevertheless, because they cannot only try a lock. */
const NO_WAIT = { timeout: 0 };

/** True if nothing is at a path, or a folder that a killed export left. */
async function isAbandoned(path: string): Promise<boolean> {
  const info = statIfAny(path);
  if (!info) return true;
  if (!info.isDirectory) return false;
  const file = openIfAny(join(path, LAYOUT_FILE));
  if (!file) return readFolder(path).length === 0;
  try {
    return await lockFile(file, true, NO_WAIT) === "taken";
  } finally {
    file.close();
  }
}

/** Renames a folder, over an empty one, a layout or a file. */
function replace(folder: string, path: string): void {
  const info = statIfAny(path);
  if (info?.isDirectory) {
    const old = uniqueTemporaryOf(join(dirname(path), basename(path)));
    Deno.renameSync(path, old);
    Deno.renameSync(folder, path);
    removeFolder(old);
  } else {
    if (info) removeIfAny(path);
    Deno.renameSync(folder, path);
  }
}

function removeFolder(path: string): void {
  try {
    Deno.removeSync(path, { recursive: true });
  } catch (error) {
    if (!isNotFound(error)) throw diskError(error, "remove", path);
  }
}
