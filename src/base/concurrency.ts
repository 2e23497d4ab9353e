import { interrupted, throwIfAborted } from "./errors.ts";

/**
 * Runs `work` over `items`, at most `limit` at a time, and returns the results in the order of the items.
 *
 * After the first failure no more work is started. The failure is thrown once all running work has ended, so nothing
 * continues in the background. `work` receives a signal that is aborted by a failure or by the caller's own signal, and
 * a function that starts the next item while this one is finished, for at most `limit` items at a time.
 */
export async function mapLimit<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T, signal: AbortSignal, startNext: () => void) => Promise<R>,
  signal?: AbortSignal,
): Promise<R[]> {
  const stop = new AbortController();
  const combined = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const results = new Array<R>(items.length);
  let next = 0;
  let finishing = 0;
  let failure: { error: unknown } | undefined;

  async function runItems(): Promise<void> {
    let successor: Promise<void> | undefined;
    const startNext = () => {
      if (successor || finishing === limit) return;
      finishing++;
      successor = runItems();
    };
    try {
      while (!successor && !failure && next < items.length) {
        throwIfAborted(signal);
        const index = next++;
        results[index] = await work(items[index]!, combined, startNext);
      }
    } catch (error) {
      failure ??= { error };
      stop.abort();
    }
    if (successor) finishing--;
    await successor;
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, runItems));
  if (failure) throw failure.error;
  return results;
}

/**
 * Resolves after `milliseconds`.
 * @throws LarderError LDR_INTERRUPTED as soon as the signal is aborted
 */
export function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(interrupted());
    const onAbort = () => {
      clearTimeout(timer);
      reject(interrupted());
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/**
 * Resolves as the promise does.
 * @throws LarderError LDR_INTERRUPTED as soon as the signal is aborted
 */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(interrupted());
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/** Waits for a promise, for a number of milliseconds at most. */
export async function within(milliseconds: number, promise: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout>;
  const timeout = new Promise<void>((resolve) => timer = setTimeout(resolve, milliseconds));
  await Promise.race([promise, timeout]).finally(() => clearTimeout(timer));
}

/** Resolves when a signal is aborted. */
export function abortOf(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** The time and randomness that retries and records depend on; tests inject their own. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds since some moment, for what lasts a while in this process: nothing sets this clock, as it does the other. */
  elapsed(): number;
  /** A number in [0, 1). */
  random(): number;
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: Date.now,
  elapsed: () => performance.now(),
  random: Math.random,
  sleep,
};
