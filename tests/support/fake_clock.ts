import type { Clock } from "../../src/base/concurrency.ts";
import { throwIfAborted } from "../../src/base/errors.ts";

/** A clock that advances only when code under test sleeps, without waiting. Random numbers are the test's. */
export class FakeClock implements Clock {
  /** Milliseconds of each sleep so far. */
  readonly sleeps: number[] = [];
  /** The value of {@link random}. */
  chance = 0.5;
  time: number;

  constructor(time = Date.UTC(2026, 0, 31, 12)) {
    this.time = time;
  }

  now(): number {
    return this.time;
  }

  elapsed(): number {
    return this.time;
  }

  random(): number {
    return this.chance;
  }

  // deno-lint-ignore require-await
  async sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    this.sleeps.push(milliseconds);
    this.time += milliseconds;
  }
}
