import { formatBytes, formatDuration } from "../../base/units.ts";

/** Milliseconds that the speed is an average of. */
const WINDOW = 5000;

/** Milliseconds before a speed is shown. */
const MIN_TIME = 1000;

/** Milliseconds between two samples. */
const STEP = 100;

/** Measures the speed of a transfer over the last seconds. */
export class RateMeter {
  readonly #now: () => number;
  /** The bytes at some times, the oldest first. */
  readonly #samples: { readonly at: number; bytes: number }[] = [];
  #bytes = 0;

  constructor(now: () => number) {
    this.#now = now;
    this.#samples.push({ at: now(), bytes: 0 });
  }

  add(bytes: number): void {
    this.#bytes += bytes;
    const at = this.#now();
    if (at - this.#samples.at(-1)!.at >= STEP) this.#samples.push({ at, bytes: this.#bytes });
  }

  /** Returns bytes per second; undefined if it is too early to tell. */
  get speed(): number | undefined {
    const now = this.#now();
    // The sample before the window is kept, so that the time without any bytes counts.
    while (this.#samples.length > 1 && this.#samples[1]!.at <= now - WINDOW) this.#samples.shift();
    const { at, bytes } = this.#samples[0]!;
    const time = now - Math.max(at, now - WINDOW);
    return time < MIN_TIME ? undefined : (this.#bytes - bytes) / (time / 1000);
  }

  /** `1.20 MiB/s` and `1m 5s left`, as far as they are known. */
  text(left: number): string[] {
    const { speed } = this;
    if (speed === undefined) return [];
    const rate = `${formatBytes(Math.round(speed))}/s`;
    if (speed === 0 || left <= 0) return [rate];
    return [rate, `${formatDuration(Math.max(1000, (left / speed) * 1000))} left`];
  }
}
