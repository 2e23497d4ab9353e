import { interrupted, throwIfAborted } from "./errors.ts";

/**
 * Runs `work` over `items`, at most `limit` at once, and returns the results in the items' order.
 *
 * The first failure stops new work from being started and is thrown once everything under way has ended,
 * so that nothing goes on behind the caller's back. `work` gets a signal that the failure, or the caller's
 * own signal, raises.
 */
export async function mapLimit<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T, signal: AbortSignal) => Promise<R>,
  signal?: AbortSignal,
): Promise<R[]> {
  const stop = new AbortController();
  const joined = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const results = new Array<R>(items.length);
  let next = 0;
  let failure: { error: unknown } | undefined;

  async function lane(): Promise<void> {
    while (!failure && next < items.length) {
      throwIfAborted(signal);
      const index = next++;
      results[index] = await work(items[index]!, joined);
    }
  }
  async function guarded(): Promise<void> {
    try {
      await lane();
    } catch (error) {
      failure ??= { error };
      stop.abort();
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, guarded));
  if (failure) throw failure.error;
  return results;
}

/** Resolves after `milliseconds`, or rejects with LDR_INTERRUPTED as soon as the signal is raised. */
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

/** The time and chance that retries and records use; tests inject their own. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** In [0, 1). */
  random(): number;
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = { now: Date.now, random: Math.random, sleep };
