import { AsyncLocalStorage } from "node:async_hooks";
import { dirname } from "node:path";
import { LOCK_WAIT, SWEEP_WAIT } from "../base/defaults.ts";
import { hasCode, LarderError } from "../base/errors.ts";
import { diskError, ensureFolder, FILE_MODE, isAbsence } from "../base/files.ts";
import { formatDuration } from "../base/units.ts";
import { lockFile, tryLockFile } from "./file_lock.ts";
import type { Layout } from "./layout.ts";

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
 * takes the lock again within has it already.
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
  await passGate(layout, once);
  using file = open(layout.lock);
  if (!await lockFile(file, false, once)) throw busyCleaning(layout);
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
  using gate = openUnlessFull(layout.gate);
  if (gate && !await lockFile(gate, true, { ...options, waiting, timeout })) {
    throw busyCleaning(layout, timeout);
  }
  using file = openUnlessFull(layout.lock);
  if (!file) return await work(false);
  const left = Math.max(0, deadline - Date.now());
  if (!await lockFile(file, true, { ...options, waiting, timeout: left })) {
    throw new LarderError("LDR_BUSY", `others are writing to ${layout.root}`, {
      hint: `wait for every larder that is pulling to end: ${
        formatDuration(timeout)
      } was not enough`,
    });
  }
  // Locking what is locked already tells whether there are locks at all.
  return await work(tryLockFile(file, true) !== "unknown");
}

/** Waits while a sweep keeps new writers out. */
async function passGate(
  layout: Layout,
  options: StoreLockOptions & { timeout: number },
): Promise<void> {
  using gate = openIfAny(layout.gate);
  if (gate && !await lockFile(gate, false, options)) throw busyCleaning(layout);
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
    if (isAbsence(error)) return undefined;
    throw diskError(error, "open", path);
  }
}
