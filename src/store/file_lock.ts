import { LOCK_POLL } from "../base/defaults.ts";
import { throwIfAborted } from "../base/errors.ts";
import { sleep } from "../base/concurrency.ts";

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
 * Where the file system has no locks this warns once and goes on: renames keep the store correct.
 *
 * @param waiting called once, when the lock is not free at once
 * @returns false if `timeout` milliseconds passed first
 * @throws LarderError LDR_INTERRUPTED
 */
export async function lockFile(
  file: Deno.FsFile,
  exclusive: boolean,
  options: { waiting?: () => void; timeout?: number; signal?: AbortSignal | undefined } = {},
): Promise<boolean> {
  const deadline = Date.now() + (options.timeout ?? Infinity);
  try {
    if (await tryLock(file, exclusive)) return true;
    options.waiting?.();
    while (!(await tryLock(file, exclusive))) {
      if (Date.now() >= deadline) return false;
      await sleep(LOCK_POLL, options.signal);
    }
    return true;
  } catch (error) {
    throwIfAborted(options.signal);
    if (!isUnsupported(error)) throw error;
    if (!warned) {
      onUnsupported("this file system has no locks; two larders may do the same work twice");
    }
    warned = true;
    return true;
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
