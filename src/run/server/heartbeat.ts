/** How often the threads that have requests under way are looked at. */
export const WATCH_INTERVAL = 100;

/** The places of what is shown. */
const BEATS = 0;
const LAST_BEGUN = 1;
const UNDER_WAY = 2;
const SIZE = 3 * Float64Array.BYTES_PER_ELEMENT;

/**
 * What a guest's thread shows of itself, in memory that it shares with the thread that serves: that reads it even
 * while a guest computes, and no message comes.
 */
export class SharedCounters {
  readonly memory: SharedArrayBuffer;
  readonly #slots: Float64Array;

  /** @param memory of another one, which then shows the same */
  constructor(memory = new SharedArrayBuffer(SIZE)) {
    this.memory = memory;
    this.#slots = new Float64Array(memory);
  }

  /** Goes up while the event loop turns. */
  get beats(): number {
    return this.#slots[BEATS]!;
  }

  beat(): void {
    this.#slots[BEATS]! += 1;
  }

  /** The id of the last request that a guest was given; they come in order, from 1 on. */
  get lastBegun(): number {
    return this.#slots[LAST_BEGUN]!;
  }

  set lastBegun(id: number) {
    this.#slots[LAST_BEGUN] = id;
  }

  /** Guests that are not over, though their responses may be. */
  get underWay(): number {
    return this.#slots[UNDER_WAY]!;
  }

  set underWay(count: number) {
    this.#slots[UNDER_WAY] = count;
  }
}

/** Watches whether the event loop of a guest's thread turns. */
export class Watchdog {
  readonly #counters: SharedCounters;
  readonly #onLook: () => void;
  #timer: ReturnType<typeof setInterval> | undefined;
  #lastBeats = 0;
  #silence = 0;

  /** @param onLook called each {@link WATCH_INTERVAL} milliseconds while it watches */
  constructor(counters: SharedCounters, onLook: () => void) {
    this.#counters = counters;
    this.#onLook = onLook;
  }

  /** For how long the loop has not turned, in milliseconds; time in which nobody watched does not count. */
  get silence(): number {
    return this.#silence;
  }

  /** Watches from now on, unless it does already. */
  watch(): void {
    if (this.#timer !== undefined) return;
    this.#silence = 0;
    this.#timer = setInterval(() => this.#look(), WATCH_INTERVAL);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const { beats } = this.#counters;
    this.#silence = beats === this.#lastBeats ? this.#silence + WATCH_INTERVAL : 0;
    this.#lastBeats = beats;
    this.#onLook();
  }
}
