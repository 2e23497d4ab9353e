import { resolve } from "node:path";
import { LarderError } from "../../base/errors.ts";
import { replaceBy, temporaryOf } from "../../base/files/atomic_write.ts";
import {
  readBytesIfAny,
  readTextIfAny,
  removeIfAny,
  statIfAny,
  syncFile,
  writeAll,
} from "../../base/files/files.ts";
import { redact } from "../../base/redact.ts";
import { targetOf } from "../../base/files/user_file.ts";
import { diskError } from "../../base/files/system_error.ts";
import { openLocked } from "../../store/locks/file_lock.ts";
import { badLock, EMPTY_LOCK, formatLock, type Lock, parseLock } from "./format.ts";

/** The file in the folder of a project that says what `--frozen` uses. */
export const LOCK_FILE = "larder.lock";

/** 16 MiB limit on a lock file: more than 50,000 packages. */
const MAX_LOCK = 16 * 1024 * 1024;

/** Mode of a new file before the user's umask: a project is shared, unlike the cache. */
const MODE = 0o666;

/** Returns the path of the lock file of the current folder. */
function lockPath(): string {
  return resolve(LOCK_FILE);
}

/** Reads the lock file of the current folder; undefined if there is none. @throws LarderError LDR_BAD_LOCK, LDR_DISK* */
export function readLock(): Lock | undefined {
  const path = lockPath();
  const bytes = readBytesIfAny(path, MAX_LOCK);
  if (bytes) return parseLock(new TextDecoder().decode(bytes));
  const info = statIfAny(path);
  if (!info || info.isSymlink) return undefined; // A link to nothing, which a change creates.
  throw badLock(info.isFile ? "it is too large" : "it is a folder", "move it away, and lock again");
}

/**
 * Changes the lock file of the current folder, which is replaced atomically. One process at a time changes it, so that
 * no change is lost.
 *
 * @returns the lock before and after
 * @throws LarderError LDR_BAD_LOCK, LDR_DISK*, LDR_INTERRUPTED
 */
export async function changeLock(
  change: (lock: Lock) => Lock,
  signal?: AbortSignal,
): Promise<{ before: Lock; after: Lock }> {
  const path = targetOf(lockPath());
  const temporary = temporaryOf(path);
  const { file } = (await openLocked(temporary, true, openTemporary, { signal }))!;
  let isReplaced = false;
  try {
    const before = readLock() ?? EMPTY_LOCK;
    const after = change(before);
    urlsOf(after).forEach(rejectCredential);
    const text = formatLock(after);
    if (text === readTextIfAny(path)) return { before, after };
    replaceBy({ file, temporary }, path, () => {
      keepMode(path, temporary);
      writeAll(file, new TextEncoder().encode(text));
      syncFile(file);
    });
    isReplaced = true;
    return { before, after };
  } finally {
    if (!isReplaced) removeIfAny(temporary);
    file.close();
  }
}

function openTemporary(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path, { write: true, create: true, mode: MODE });
  } catch (error) {
    throw diskError(error, "write", path.replace(/\.tmp$/, ""));
  }
}

function keepMode(path: string, temporary: string): void {
  const mode = statIfAny(path)?.mode;
  if (mode && Deno.build.os !== "windows") Deno.chmodSync(temporary, mode & 0o777);
}

function urlsOf({ lists, packages }: Lock): string[] {
  return [...lists.keys(), ...packages.flatMap(({ url, source }) => [url, source])];
}

/** @throws LarderError LDR_USAGE if a URL has a user, a password or a token, which a committed file must not hold */
export function rejectCredential(url: string): void {
  if (redact(url) === url) return;
  throw new LarderError(
    "LDR_USAGE",
    `${redact(url)} has a credential, which ${LOCK_FILE} must not hold`,
    { hint: "lock a URL without a user, password or token" },
  );
}
