import { sleep } from "../../base/concurrency.ts";
import { throwIfAborted } from "../../base/errors.ts";
import { LOCK_POLL } from "../../base/limits.ts";

let warned = false;
let onUnsupported: (message: string) => void = () => {};

/** Says once, through `warn`, that the file system has no locks, should one be asked for in vain. */
export function warnWithoutLocks(warn: (message: string) => void): void {
  onUnsupported = warn;
}

/**
 * Takes the flock(2) of an open file, waiting for whoever has it. The lock goes with the file's closing and
 * with the process, however it dies.
 *
 * Where the file system has no locks this warns once: renames keep the store correct.
 *
 * @param waiting called once, when the lock is not free at once
 * @returns "busy" if `timeout` milliseconds passed first
 * @throws LarderError LDR_INTERRUPTED
 */
export async function lockFile(
  file: Deno.FsFile,
  exclusive: boolean,
  options: { waiting?: () => void; timeout?: number; signal?: AbortSignal | undefined } = {},
): Promise<LockResult> {
  const deadline = Date.now() + (options.timeout ?? Infinity);
  try {
    if (await tryLock(file, exclusive)) return "taken";
    options.waiting?.();
    while (!(await tryLock(file, exclusive))) {
      if (Date.now() >= deadline) return "busy";
      await sleep(LOCK_POLL, options.signal);
    }
    return "taken";
  } catch (error) {
    throwIfAborted(options.signal);
    if (!isUnsupported(error)) throw error;
    if (!warned) {
      onUnsupported("this file system has no locks; two larders may do the same work twice");
    }
    warned = true;
    return "unknown";
  }
}

/** How an attempt at a lock ended: it is ours, another open file has it, or nobody can tell. */
export type LockResult = "taken" | "busy" | "unknown";

/**
 * Takes the flock(2) of an open file if it is free at this moment. "unknown" is the answer of a file system
 * without locks, and of older runtimes, which can only wait for one.
 */
export function tryLockFile(file: Deno.FsFile, exclusive: boolean): LockResult {
  if (typeof file.tryLockSync !== "function") return "unknown";
  try {
    return file.tryLockSync(exclusive) ? "taken" : "busy";
  } catch (error) {
    if (isUnsupported(error)) return "unknown";
    throw error;
  }
}

/** Takes a shared lock that nobody contests for longer than a moment; none where the file system has none. */
export function lockShared(file: Deno.FsFile): void {
  try {
    file.lockSync(false);
  } catch (error) {
    if (!isUnsupported(error)) throw error;
  }
}

async function tryLock(file: Deno.FsFile, exclusive: boolean): Promise<boolean> {
  if (typeof file.tryLockSync === "function") return file.tryLockSync(exclusive);
  await file.lock(exclusive); // Older runtimes can only wait for a lock.
  return true;
}

function isUnsupported(error: unknown): boolean {
  const code = (error as { code?: string }).code;
  return error instanceof Deno.errors.NotSupported || code === "ENOLCK" || code === "ENOTSUP" ||
    code === "EOPNOTSUPP" || code === "ENOSYS" || code === "EINVAL";
}
