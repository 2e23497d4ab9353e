import { AsyncLocalStorage } from "node:async_hooks";
import { dirname } from "node:path";
import { hasCode, LarderError } from "../../base/errors.ts";
import { diskError, ensureFolder, FILE_MODE, isNotFound, isStillAt } from "../../base/files.ts";
import { formatDuration } from "../../base/units.ts";
import type { Layout } from "../layout.ts";
import { lockFile, tryLockFile } from "./file_lock.ts";

/** How long a writer waits for a sweep to finish. */
const LOCK_WAIT = 10 * 60_000;

/** How long a sweep waits for writers to finish; new ones wait so long for it at most. */
const SWEEP_WAIT = 60_000;

export interface StoreLockOptions {
  /** Called once if others have to be waited for. */
  readonly waiting?: (() => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ExclusiveLockOptions extends StoreLockOptions {
  /** How long writers are waited for, in milliseconds. */
  readonly timeout?: number | undefined;
}

/** The caches that the work under way holds the lock of. */
const holding = new AsyncLocalStorage<ReadonlySet<string>>();

/**
 * Runs `work` while holding the store's lock shared: any number may write at once, but no sweep runs. Work that
 * takes the lock again within has it already. Who may only read the cache locks what is there: where nobody can write,
 * nobody can sweep either.
 *
 * @param options `waiting` is called if a sweep is under way
 * @throws LarderError LDR_BUSY if it does not end in time, LDR_DISK*, LDR_INTERRUPTED
 */
export async function withSharedLock<T>(
  layout: Layout,
  work: () => Promise<T>,
  options: StoreLockOptions = {},
): Promise<T> {
  const held = holding.getStore();
  if (held?.has(layout.root)) return await work();
  const once = { ...options, waiting: onlyOnce(options.waiting), timeout: LOCK_WAIT };
  const busy = () => busyCleaning(layout);
  {
    // A sweep that keeps new writers out is waited for.
    using _ = await takeLock(layout.gate, false, openIfAny, busy, once);
  }
  using _ = await takeLock(layout.lock, false, openToShare, busy, once);
  return await holding.run(new Set([...held ?? [], layout.root]), work);
}

/**
 * Runs `work` while nobody else writes to the store or sweeps it.
 *
 * Writers come and go, and there may never be a moment without any: so that there is one, a sweep closes the gate
 * that they pass before they take the lock, and those that are there already end.
 *
 * @param work is told whether the lock is there: it is not where the file system has none, or where the disk is so
 * full that its file cannot be made
 * @param options `waiting` is called if somebody has to be waited for
 * @throws LarderError LDR_BUSY if they do not end in time, LDR_DISK*, LDR_INTERRUPTED
 */
export async function withExclusiveLock<T>(
  layout: Layout,
  work: (isLocked: boolean) => Promise<T>,
  options: ExclusiveLockOptions = {},
): Promise<T> {
  const timeout = options.timeout ?? SWEEP_WAIT;
  const deadline = Date.now() + timeout;
  const waiting = onlyOnce(options.waiting);
  using _ = await takeLock(
    layout.gate,
    true,
    openUnlessFull,
    () => busyCleaning(layout, timeout),
    { ...options, waiting, timeout },
  );
  using file = await takeLock(
    layout.lock,
    true,
    openUnlessFull,
    () => busyWriting(layout, timeout),
    { ...options, waiting, timeout: Math.max(0, deadline - Date.now()) },
  );
  if (!file) return await work(false);
  // Locking what is locked already tells whether there are locks at all.
  return await work(tryLockFile(file, true) !== "unknown");
}

/**
 * Opens a file and takes its lock; whoever waits for one may get that of a file that was deleted meanwhile, with the
 * cache, and has to begin anew.
 *
 * @returns undefined where `open` finds that there is no file to lock
 */
async function takeLock(
  path: string,
  exclusive: boolean,
  open: (path: string) => Deno.FsFile | undefined,
  busy: () => LarderError,
  options: StoreLockOptions & { timeout: number },
): Promise<Deno.FsFile | undefined> {
  for (;;) {
    const file = open(path);
    if (!file) return undefined;
    let isOurs = false;
    try {
      if (await lockFile(file, exclusive, options) === "busy") throw busy();
      isOurs = isStillAt(file, path);
      if (isOurs) return file;
    } finally {
      if (!isOurs) file.close();
    }
  }
}

function busyWriting(layout: Layout, wait: number): LarderError {
  return new LarderError("LDR_BUSY", `others are writing to ${layout.root}`, {
    hint: `wait for every larder that is pulling to end: ${formatDuration(wait)} was not enough`,
  });
}

function busyCleaning(layout: Layout, wait = LOCK_WAIT): LarderError {
  return new LarderError(
    "LDR_BUSY",
    `another larder has been cleaning ${layout.root} for ${formatDuration(wait)}`,
    { hint: "wait for it to end, or end it, and try again" },
  );
}

function onlyOnce(tell: (() => void) | undefined): () => void {
  let told = false;
  return () => {
    if (!told) tell?.();
    told = true;
  };
}

function open(path: string): Deno.FsFile {
  ensureFolder(dirname(path));
  try {
    return Deno.openSync(path, { read: true, write: true, create: true, mode: FILE_MODE });
  } catch (error) {
    throw diskError(error, "write", path);
  }
}

/** A cache that can only be read is to be used all the same, and a shared lock needs no more. */
function openToShare(path: string): Deno.FsFile | undefined {
  try {
    return open(path);
  } catch (error) {
    if (!hasCode(error, "LDR_READ_ONLY", "LDR_PERMISSION")) throw error;
    const file = openIfAny(path);
    if (!file && error.code === "LDR_PERMISSION") throw error;
    return file;
  }
}

/** Freeing space needs no space: where there is none left for an empty file, a sweep does without it. */
function openUnlessFull(path: string): Deno.FsFile | undefined {
  try {
    return open(path);
  } catch (error) {
    if (hasCode(error, "LDR_DISK_FULL")) return undefined;
    throw error;
  }
}

function openIfAny(path: string): Deno.FsFile | undefined {
  try {
    return Deno.openSync(path, { read: true });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw diskError(error, "open", path);
  }
}
