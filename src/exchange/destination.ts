import { basename, dirname, join } from "node:path";
import { LarderError } from "../base/errors.ts";
import {
  isNotFound,
  openTemporary,
  readFolder,
  removeIfAny,
  statIfAny,
  temporaryOf,
} from "../base/files.ts";
import { diskError } from "../base/system_error.ts";
import { tryLockFile } from "../store/locks/file_lock.ts";
import type { Compression } from "./compression.ts";
import { LAYOUT_FILE } from "./layout_format.ts";

/** Mode of files that larder gives to a user, before the user's umask. */
const GIVEN_MODE = 0o666;

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
 * @throws LarderError LDR_USAGE for the name of an archive of another kind
 */
export function destinationOf(path: string, isSingle: boolean): Destination {
  if (path === "-") return { form: isSingle ? "file" : "archive", path: undefined };
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

/**
 * Refuses a destination that exists, unless it is an empty folder or is to be replaced.
 * @throws LarderError LDR_USAGE
 */
export function checkDestination({ form, path }: Destination, force: boolean): void {
  if (path === undefined) return;
  const parent = dirname(path);
  if (!statOf(parent)?.isDirectory) {
    throw new LarderError("LDR_USAGE", `the folder ${parent} does not exist`, {
      hint: `create it: mkdir -p ${parent}`,
    });
  }
  const info = statOf(path);
  if (!info) return;
  if (info.isDirectory) {
    if (form !== "folder") {
      throw new LarderError("LDR_USAGE", `${path} is a folder`, {
        hint: `write the name of a file, such as ${join(path, "NAME")}`,
      });
    }
    if (readFolder(path).length === 0) return;
    if (force && statIfAny(join(path, LAYOUT_FILE))) return;
    throw new LarderError("LDR_USAGE", `${path} is not empty`, {
      hint: force
        ? "--force replaces only an OCI image layout: remove the folder, or write another name"
        : "write another name, or replace an OCI image layout with --force",
    });
  }
  if (!info.isFile && form !== "folder") return; // A named pipe.
  if (!force) {
    throw new LarderError("LDR_USAGE", `${path} exists`, {
      hint: "write another name, or replace it with --force",
    });
  }
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
 * @throws LarderError LDR_DISK*, and what `write` throws
 */
export async function writeFile(
  path: string,
  write: (file: Deno.FsFile, temporary: string) => void | Promise<void>,
): Promise<void> {
  const { file, temporary } = openTemporary(path, GIVEN_MODE);
  try {
    file.truncateSync(0);
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
  const { folder, lock } = openTemporaryFolder(path);
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

/** Creates `path.tmp`, or a folder with a unique name if another process is writing to that one. */
function openTemporaryFolder(path: string): { folder: string; lock: Deno.FsFile } {
  const shared = temporaryOf(path);
  const unique = `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
  const folder = isAbandoned(shared) ? shared : unique;
  try {
    if (folder === shared) removeFolder(shared);
    Deno.mkdirSync(folder);
    const options = { read: true, write: true, create: true };
    const lock = Deno.openSync(join(folder, LAYOUT_FILE), options);
    tryLockFile(lock, true);
    return { folder, lock };
  } catch (error) {
    throw diskError(error, "create the folder", folder);
  }
}

/** True if nothing is at a path, or a folder that a killed export left. */
function isAbandoned(path: string): boolean {
  const info = statIfAny(path);
  if (!info) return true;
  if (!info.isDirectory) return false;
  try {
    const file = Deno.openSync(join(path, LAYOUT_FILE), { read: true });
    try {
      return tryLockFile(file, true) === "taken";
    } finally {
      file.close();
    }
  } catch {
    return readFolder(path).length === 0;
  }
}

/** Renames a folder, over an empty one, a layout or a file. */
function replace(folder: string, path: string): void {
  const info = statIfAny(path);
  if (info?.isDirectory) {
    const old = join(dirname(path), `${basename(path)}.${crypto.randomUUID().slice(0, 8)}.tmp`);
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
