import { AsyncLocalStorage } from "node:async_hooks";
import { dirname } from "node:path";
import { hasCode, LarderError } from "../../base/errors.ts";
import { ensureFolder, statIfAny } from "../../base/files/files.ts";
import { openIfAny, openOrCreate } from "../../base/files/open_file.ts";
import { formatDuration } from "../../base/units.ts";
import { adaptToFileSystem } from "../colon_names.ts";
import type { Layout } from "../layout.ts";
import { openLocked, tryLockFile } from "./file_lock.ts";

/** Milliseconds that a writer waits for a sweep. */
const LOCK_WAIT = 10 * 60_000;

/** Milliseconds that a sweep waits for writers, while new writers wait for the sweep. */
const SWEEP_WAIT = 60_000;

export interface StoreLockOptions {
  /** Called once if another process has to be waited for. @param holders names it, empty if it is unknown */
  readonly waiting?: ((holders: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ExclusiveLockOptions extends StoreLockOptions {
  /** Milliseconds to wait for writers. */
  readonly timeout?: number | undefined;
}

/** Returns the message while {@link withSharedLock} waits. */
export function waitingForSweep(holders: string): string {
  return `waiting for ${holders || "another larder"} to finish cleaning the cache`;
}

/** Returns the message while {@link withExclusiveLock} waits. */
export function waitingForWriters(holders: string): string {
  return `waiting for ${holders || "other processes"} to finish writing to the cache`;
}

/** Roots of the caches whose lock the current asynchronous context holds. */
const heldLocks = new AsyncLocalStorage<ReadonlySet<string>>();

/** True if the current asynchronous context holds the lock of a cache, so that a sweep would wait for it in vain. */
export function holdsLock({ root }: Layout): boolean {
  return heldLocks.getStore()?.has(root) ?? false;
}

/**
 * Runs `work` with the store lock held shared: other writers can run at the same time, but no sweep. Reentrant.
 * In a read-only cache without a lock file, `work` runs without the lock, because no sweep can run either.
 *
 * @param options `waiting` is called if a sweep is running
 * @throws LarderError LDR_BUSY if a sweep does not end in time, LDR_DISK*, LDR_INTERRUPTED
 */
export async function withSharedLock<T>(
  layout: Layout,
  work: () => Promise<T>,
  options: StoreLockOptions = {},
): Promise<T> {
  const held = heldLocks.getStore();
  if (held?.has(layout.root)) return await work();
  const once = { ...options, waiting: onlyOnce(options.waiting), timeout: LOCK_WAIT };
  const busy = (holders: string) => busyCleaning(layout, holders);
  {
    // Wait for a sweep that has closed the gate to new writers.
    using _ = await takeLock(layout.gate, false, openIfAny, busy, once);
  }
  using file = await takeLock(layout.lock, false, openToShare, busy, once);
  return await heldLocks.run(new Set([...held ?? [], layout.root]), async () => {
    // An empty cache has no names yet.
    if (file && !statIfAny(layout.manifests)) adaptToFileSystem(layout.root);
    return await work();
  });
}

/**
 * Runs `work` while no other process writes to the store or sweeps it.
 *
 * With writers that overlap there may never be a moment without any. So a sweep first closes the gate that writers
 * pass before they take the lock, and then waits for those that already have it.
 *
 * @param work is called with false if the lock is not held, because the file system has no locks or the disk is too
 * full to create the lock file
 * @param options `waiting` is called if another process has to be waited for
 * @throws LarderError LDR_BUSY if the others do not end in time, LDR_DISK*, LDR_INTERRUPTED
 */
export async function withExclusiveLock<T>(
  layout: Layout,
  work: (isLocked: boolean) => Promise<T>,
  options: ExclusiveLockOptions = {},
): Promise<T> {
  const timeout = options.timeout ?? SWEEP_WAIT;
  const deadline = performance.now() + timeout;
  const waiting = onlyOnce(options.waiting);
  using _ = await takeLock(
    layout.gate,
    true,
    openUnlessFull,
    (holders) => busyCleaning(layout, holders, timeout),
    { ...options, waiting, timeout },
  );
  using file = await takeLock(
    layout.lock,
    true,
    openUnlessFull,
    (holders) => busyWriting(layout, holders, timeout),
    { ...options, waiting, timeout: Math.max(0, deadline - performance.now()) },
  );
  if (!file) return await work(false);
  // Locking a file that is already locked tells whether the file system has locks.
  return await work(tryLockFile(file, true) !== "unknown");
}

/** Opens a file and takes its lock. @returns undefined if `open` returns undefined */
async function takeLock(
  path: string,
  exclusive: boolean,
  open: (path: string) => Deno.FsFile | undefined,
  busy: (holders: string) => LarderError,
  options: StoreLockOptions & { timeout: number },
): Promise<Deno.FsFile | undefined> {
  const locked = await openLocked(path, exclusive, open, options);
  if (locked?.result !== "busy") return locked?.file;
  using file = locked.file;
  const { lockHolders } = await import("./lock_holders.ts");
  throw busy(await lockHolders(file));
}

function busyWriting(layout: Layout, holders: string, wait: number): LarderError {
  const message = `other larder processes are writing to ${layout.root}`;
  return new LarderError("LDR_BUSY", holders ? `${message}: ${holders}` : message, {
    hint: `wait until they have ended, then try again; this one waited for ${formatDuration(wait)}`,
  });
}

function busyCleaning(layout: Layout, holders: string, wait = LOCK_WAIT): LarderError {
  const time = formatDuration(wait);
  const message = `another larder process has been removing files from ${layout.root} for ${time}`;
  return new LarderError("LDR_BUSY", holders ? `${message}: ${holders}` : message, {
    hint: "wait until it has ended, or end it, then try again",
  });
}

function onlyOnce(
  callback: ((holders: string) => void) | undefined,
): (holders: string) => void {
  let wasCalled = false;
  return (holders) => {
    if (!wasCalled) callback?.(holders);
    wasCalled = true;
  };
}

function open(path: string): Deno.FsFile {
  ensureFolder(dirname(path));
  return openOrCreate(path);
}

/** Opens a lock file for a shared lock, which needs only read access, so that a read-only cache can be used. */
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

/** Opens a lock file, or returns undefined if the disk is full: freeing space must not need space. */
function openUnlessFull(path: string): Deno.FsFile | undefined {
  try {
    return open(path);
  } catch (error) {
    if (hasCode(error, "LDR_DISK_FULL")) return undefined;
    throw error;
  }
}
