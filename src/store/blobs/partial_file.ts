import { dirname } from "node:path";
import { sleep } from "../../base/concurrency.ts";
import { LarderError } from "../../base/errors.ts";
import {
  ensureFolder,
  FILE_MODE,
  type FileStamp,
  isNotFound,
  isSameFile,
  isStillAt,
  removeIfAny,
  stampOf,
  statIfAny,
} from "../../base/files/files.ts";
import { moveFile } from "../../base/files/move_file.ts";
import { diskError, isUnsupported, systemCode } from "../../base/files/system_error.ts";
import { LOCK_POLL, PULL_ROUNDS, STALL_TIMEOUT } from "../../base/limits.ts";
import { adaptToFileSystem } from "../colon_names.ts";
import { lockFile, type LockResult } from "../locks/file_lock.ts";

/**
 * 60 seconds without a change of its file after which another process is no longer waited for: it may be suspended. A
 * process that is running has retried by then.
 */
const STALL = 2 * STALL_TIMEOUT;

/** Attempts at a file that cannot be created or is replaced each time: half a minute. */
const OPEN_TRIES = 600;

/** Suffix of this process's partial files on a file system without locks. */
let suffix: string | undefined;

/** The states of files whose writers this process has given up, by path: a retry does not wait for them again. */
const stalled = new Map<string, FileStamp>();

/** The partial files that this process is writing without a lock. */
const unlocked = new Set<string>();

/** A partial file that this process alone writes to, until {@link releasePartial}. */
export interface PartialFile {
  readonly file: Deno.FsFile;
  readonly path: string;
}

/**
 * Opens a partial file and takes its lock, waiting for another process that has it. Opens a file with a suffix of this
 * process instead on a file system without locks, and if the other process makes no progress: it may be suspended. The
 * file may have been deleted when this returns.
 *
 * @param options `waiting` is called once if another writer has to be waited for
 * @throws LarderError LDR_DISK*, LDR_INTERRUPTED
 */
async function claimPartial(
  path: string,
  { waiting, signal, stall = STALL }: ClaimOptions,
): Promise<PartialFile> {
  let target = path;
  let waited = false;
  const waitOnce = (holders: string) => {
    if (!waited) waiting?.(holders);
    waited = true;
  };
  for (let tries = 1;;) {
    const file = openPartial(target);
    if (!file) {
      await pauseBeforeReopening(target, tries++, signal);
      continue;
    }
    const result = await lockUnlessStalled(file, target, { waiting: waitOnce, signal, stall });
    if (result === "taken") return { file, path: target };
    const own = `${path}.${suffix ??= crypto.randomUUID().slice(0, 8)}`;
    if (result === "unknown") {
      if (target === own && !unlocked.has(own)) {
        unlocked.add(own);
        return { file, path: own };
      }
      if (target !== own && file.statSync().size === 0) removeIfAny(target);
    }
    file.close();
    if (target === own) { // This process is writing the file already.
      waitOnce("");
      await sleep(LOCK_POLL, signal);
    }
    target = own;
  }
}

interface ClaimOptions {
  readonly waiting?: ((holders: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds after which a process that does not write to its file is no longer waited for. */
  readonly stall?: number | undefined;
}

/** Locks a file; gives up with "busy" once it has not changed for the time of `stall`. */
async function lockUnlessStalled(
  file: Deno.FsFile,
  path: string,
  { waiting, signal, stall }: ClaimOptions & { stall: number },
): Promise<LockResult> {
  try {
    for (;;) {
      const before = stampOf(file.statSync());
      const last = stalled.get(path);
      const isGivenUp = last !== undefined && isSameFile(last, before);
      const options = isGivenUp ? { signal, timeout: 0 } : { signal, timeout: stall, waiting };
      const result = await lockFile(file, true, options);
      if (result !== "busy") return result;
      if (isSameFile(before, stampOf(file.statSync()))) {
        stalled.set(path, before);
        return result;
      }
    }
  } catch (error) {
    file.close();
    throw diskError(error, "open", path);
  }
}

/** Pauses before a file is opened again that could not be created, because its folder is deleted repeatedly. */
export async function pauseBeforeReopening(
  path: string,
  tries: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  // Nothing is ever written through a link, and one that leads nowhere cannot be opened.
  if (statIfAny(path)?.isSymlink) removeIfAny(path);
  if (tries === OPEN_TRIES) {
    throw new LarderError("LDR_DISK", `cannot write ${path}: it cannot be created`, {
      hint: "check the file system, and whether another program deletes files of the cache",
    });
  }
  await sleep(LOCK_POLL, signal);
}

/**
 * Claims the partial file of a blob and continues it with `resume`, unless the blob is present.
 *
 * @param isPresent called with the lock held, because the process that was waited for may have written the blob
 * @returns undefined if the blob is present
 * @throws LarderError LDR_DISK*, LDR_INTERRUPTED
 */
export async function resumePartial<T>(
  partial: string,
  isPresent: () => boolean | Promise<boolean>,
  resume: (claimed: PartialFile) => Promise<T>,
  options: ClaimOptions,
): Promise<T | undefined> {
  for (let tries = 1;; tries++) {
    const claimed = await claimPartial(partial, options);
    const { file, path } = claimed;
    try {
      if (isStillAt(file, path)) {
        if (!await isPresent()) return await resume(claimed);
        removeIfAny(path);
        releasePartial(claimed);
        return undefined;
      }
    } catch (error) {
      releasePartial(claimed);
      throw diskError(error, "open", path);
    }
    releasePartial(claimed);
    // Another process has committed or deleted the file.
    await pauseBeforeReopening(path, tries, options.signal);
  }
}

/** Syncs the data of a partial file to the disk, if the file system can; some of FUSE's cannot. */
export async function syncPartial({ file }: PartialFile): Promise<void> {
  try {
    await file.syncData();
  } catch (error) {
    if (!isUnsupported(error)) throw error;
  }
}

/** Moves a partial file to its final name. @returns false if the cache, or a folder of it, was deleted meanwhile */
export async function movePartial(
  { file, path }: PartialFile,
  destination: string,
): Promise<boolean> {
  for (let round = 0; round < PULL_ROUNDS && isStillAt(file, path); round++) {
    try {
      return await moveFile(path, destination) === "copied" || isStillAt(file, destination);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      ensureFolder(dirname(destination));
    }
  }
  return false;
}

/** Closes a partial file, which also releases its lock. */
export function releasePartial({ file, path }: PartialFile): void {
  unlocked.delete(path);
  file.close();
}

/** Opens or creates a partial file; returns undefined if its folder was deleted meanwhile. */
function openPartial(path: string): Deno.FsFile | undefined {
  const options = { read: true, write: true, create: true, mode: FILE_MODE };
  try {
    return Deno.openSync(path, options);
  } catch (error) {
    if (!isNotFound(error) && systemCode(error) !== "EINVAL") throw diskError(error, "write", path);
  }
  ensureFolder(dirname(path));
  try {
    return Deno.openSync(path, options);
  } catch (error) {
    if (adaptToFileSystem(dirname(dirname(path)))) throw colonsRefused(path);
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw diskError(error, "write", path);
  }
}

function colonsRefused(path: string): LarderError {
  return new LarderError("LDR_DISK", `cannot write ${path}: the file system refuses ":" in names`, {
    hint: "run the command again: it writes _ instead of : from now on",
  });
}
