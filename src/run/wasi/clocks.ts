import { instanceEnded } from "./errors.ts";
import { Pollable, Waitable } from "./io/poll.ts";
import type { InstanceResources } from "./resources.ts";

/** The longest delay of `setTimeout`, in milliseconds; it fires at once for a longer one. */
export const MAX_TIMEOUT = 2 ** 31 - 1;

/** Returns nanoseconds since the thread started. */
export function monotonicNow(): bigint {
  return BigInt(Math.round(performance.now() * 1e6));
}

/** Returns nanoseconds since 1970. */
export function wallNow(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}

/** Returns the time of the system as a `datetime` of `wasi:clocks`, which is an `instant` in 0.3. */
export function wallClock(): { seconds: bigint; nanoseconds: number } {
  const now = Date.now();
  return { seconds: BigInt(Math.floor(now / 1000)), nanoseconds: (now % 1000) * 1e6 };
}

/** Waits for an instant; disposing of it rejects the wait with a trap. */
class Timer implements Disposable {
  readonly #instant: bigint;
  #handle: ReturnType<typeof setTimeout> | undefined;
  #reject: ((reason: Error) => void) | undefined;
  #isDisposed = false;

  constructor(instant: bigint) {
    this.#instant = instant;
  }

  isDue(): boolean {
    return monotonicNow() >= this.#instant;
  }

  wait(): Promise<void> {
    if (this.#isDisposed) return Promise.reject(instanceEnded());
    const remaining = Math.max(0, Math.ceil(Number(this.#instant - monotonicNow()) / 1e6));
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      this.#handle = setTimeout(() => {
        this.#reject = undefined;
        resolve();
      }, Math.min(remaining, MAX_TIMEOUT));
    });
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    clearTimeout(this.#handle);
    this.#reject?.(instanceEnded());
  }
}

/** Returns a pollable that is ready from an instant on, in nanoseconds of {@link monotonicNow}. */
export function pollableAt(instant: bigint, resources: InstanceResources): Pollable {
  const timer = new Timer(instant);
  resources.hold(timer);
  return new Pollable(new Waitable(() => timer.isDue(), () => timer.wait()), () => {
    resources.release(timer);
    timer[Symbol.dispose]();
  });
}

/** `wasi:clocks`, without time zones. */
export function clockImports(resources: InstanceResources): Record<string, object> {
  return {
    "wasi:clocks/monotonic-clock": {
      now: monotonicNow,
      resolution: () => 1000n,
      subscribeInstant: (instant: bigint) => pollableAt(instant, resources),
      subscribeDuration: (duration: bigint) => pollableAt(monotonicNow() + duration, resources),
    },
    "wasi:clocks/wall-clock": {
      now: wallClock,
      resolution: () => ({ seconds: 0n, nanoseconds: 1e6 }),
    },
  };
}
