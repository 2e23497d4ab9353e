import type { Clock } from "../../src/base/concurrency.ts";
import { throwIfAborted } from "../../src/base/errors.ts";

/** A clock that stands still until somebody sleeps, which takes no time; chance is what the test says. */
export class FakeClock implements Clock {
  /** The pauses that were asked for, in milliseconds. */
  readonly sleeps: number[] = [];
  /** What {@link random} gives. */
  chance = 0.5;
  time: number;

  constructor(time = Date.UTC(2026, 0, 31, 12)) {
    this.time = time;
  }

  now(): number {
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
