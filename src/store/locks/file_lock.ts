import { sleep } from "../../base/concurrency.ts";
import { throwIfAborted } from "../../base/errors.ts";
import { isStillAt, statIfAny } from "../../base/files/files.ts";
import { diskError, isUnsupported, systemCode } from "../../base/files/system_error.ts";
import { LOCK_POLL } from "../../base/limits.ts";

/** Tries at a lock that signals interrupt. */
const INTERRUPTED_TRIES = 10;

let warned = false;
let onUnsupported: (message: string) => void = () => {};

/** Registers `warn`, which is called once if a lock is requested on a file system without locks. */
export function warnWithoutLocks(warn: (message: string) => void): void {
  onUnsupported = warn;
}

/** The result of requesting a lock: taken, held through another open file, or unknown because there are no locks. */
export type LockResult = "taken" | "busy" | "unknown";

export interface FileLockOptions {
  /** Called once if the lock is not free at once. @param holders the processes that have it; empty if they are unknown */
  readonly waiting?: ((holders: string) => void) | undefined;
  /** Milliseconds. */
  readonly timeout?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Takes the flock(2) of an open file, waiting until it is free. Closing the file releases the lock, and so does the end
 * of the process, however it ends.
 *
 * On a file system without locks this warns once and returns "unknown": renames keep the store correct.
 *
 * @returns "busy" if the timeout has passed
 * @throws LarderError LDR_INTERRUPTED
 */
export async function lockFile(
  file: Deno.FsFile,
  exclusive: boolean,
  options: FileLockOptions = {},
): Promise<LockResult> {
  const deadline = performance.now() + (options.timeout ?? Infinity);
  try {
    if (await tryLock(file, exclusive)) return "taken";
    if (options.waiting) {
      const { lockHolders } = await import("./lock_holders.ts");
      options.waiting(await lockHolders(file));
    }
    while (!(await tryLock(file, exclusive))) {
      if (performance.now() >= deadline) return "busy";
      await sleep(LOCK_POLL, options.signal);
    }
    return "taken";
  } catch (error) {
    throwIfAborted(options.signal);
    if (!isUnsupported(error)) throw error;
    if (!warned) {
      onUnsupported(
        "the file system has no locks: concurrent larder processes may do the same work twice",
      );
    }
    warned = true;
    return "unknown";
  }
}

/**
 * Opens a file and takes its lock. Opens it again if it was deleted or renamed while this waited for its lock.
 *
 * @returns the open file and the result, "busy" if the timeout has passed; undefined if `open` returns undefined
 * @throws LarderError LDR_INTERRUPTED, LDR_DISK*, and what `open` throws
 */
export async function openLocked(
  path: string,
  exclusive: boolean,
  open: (path: string) => Deno.FsFile | undefined,
  options: FileLockOptions = {},
): Promise<{ readonly file: Deno.FsFile; readonly result: LockResult } | undefined> {
  for (;;) {
    const file = open(path);
    if (!file) return undefined;
    let isKept = false;
    try {
      const result = await lockFile(file, exclusive, options);
      isKept = result === "busy" || isStillAt(file, path) || statIfAny(path)?.isSymlink === true;
      if (isKept) return { file, result };
    } catch (error) {
      throw diskError(error, "lock", path);
    } finally {
      if (!isKept) file.close();
    }
  }
}

/**
 * Takes the flock(2) of an open file if it is free. Returns "unknown" on a file system without locks, and on older
 * runtimes, which can only wait for a lock.
 */
export function tryLockFile(file: Deno.FsFile, exclusive: boolean): LockResult {
  if (typeof file.tryLockSync !== "function") return "unknown";
  try {
    return againIfInterrupted(() => file.tryLockSync(exclusive)) ? "taken" : "busy";
  } catch (error) {
    if (isUnsupported(error)) return "unknown";
    throw error;
  }
}

/** True unless the file system of an existing file is known to have no locks. Changes nothing. */
export function isLockable(path: string): boolean {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path, { read: true });
  } catch {
    return true; // Whatever prevents this is reported by what needs the file.
  }
  using _ = file;
  return tryLockFile(file, false) !== "unknown";
}

async function tryLock(file: Deno.FsFile, exclusive: boolean): Promise<boolean> {
  if (typeof file.tryLockSync === "function") {
    return againIfInterrupted(() => file.tryLockSync(exclusive));
  }
  await file.lock(exclusive); // Older runtimes cannot try a lock.
  return true;
}

/** Tries a lock again if a signal interrupted the system call, which file systems of FUSE and NFS report. */
function againIfInterrupted(tryLock: () => boolean): boolean {
  for (let tries = 1;; tries++) {
    try {
      return tryLock();
    } catch (error) {
      if (systemCode(error) !== "EINTR" || tries === INTERRUPTED_TRIES) throw error;
    }
  }
}
