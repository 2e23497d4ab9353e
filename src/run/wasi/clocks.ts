import type { InstanceResources } from "./resources.ts";
import { Pollable, Waitable } from "./io/poll.ts";
import { trapError } from "./errors.ts";

/** The longest time that a timer takes, in milliseconds: a longer one would go off at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** In nanoseconds since the thread began. */
export function monotonicNow(): bigint {
  return BigInt(Math.round(performance.now() * 1e6));
}

/** In nanoseconds since 1970. */
export function wallNow(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}

/** One moment to wait for; its timer goes when the guest drops it. */
class Timer implements Disposable {
  readonly #instant: bigint;
  #handle: ReturnType<typeof setTimeout> | undefined;
  #fail: ((reason: Error) => void) | undefined;
  #isEnded = false;

  constructor(instant: bigint) {
    this.#instant = instant;
  }

  isOver(): boolean {
    return monotonicNow() >= this.#instant;
  }

  wait(): Promise<void> {
    if (this.#isEnded) return Promise.reject(ended());
    const left = Math.max(0, Math.ceil(Number(this.#instant - monotonicNow()) / 1e6));
    return new Promise((resolve, reject) => {
      this.#fail = reject;
      this.#handle = setTimeout(() => {
        this.#fail = undefined;
        resolve();
      }, Math.min(left, LONGEST_TIMER));
    });
  }

  [Symbol.dispose](): void {
    this.#isEnded = true;
    clearTimeout(this.#handle);
    this.#fail?.(ended());
  }
}

function ended(): Error {
  return trapError("the instance has ended");
}

/** A pollable that is ready from a moment on, in nanoseconds of {@link monotonicNow}. */
export function pollableAt(instant: bigint, resources: InstanceResources): Pollable {
  const timer = new Timer(instant);
  resources.hold(timer);
  return new Pollable(new Waitable(() => timer.isOver(), () => timer.wait()), () => {
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
      now() {
        const now = Date.now();
        return { seconds: BigInt(Math.floor(now / 1000)), nanoseconds: (now % 1000) * 1e6 };
      },
      resolution: () => ({ seconds: 0n, nanoseconds: 1e6 }),
    },
  };
}
