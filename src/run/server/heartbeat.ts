import { FREE_BYTES, newStopMemory, stopCode } from "../wasm/rewrite/interruptible.ts";

/** Milliseconds between two checks of a thread with requests under way. */
export const WATCH_INTERVAL = 100;

/** Indices of the counters. */
const BEATS = 0;
const LAST_BEGUN = 1;
const UNDER_WAY = 2;

/**
 * Counters of a guest's thread in memory that it shares with the main thread, which can read them while a guest
 * computes and no message arrives, and stop the guest.
 */
export class SharedCounters {
  readonly memory: WebAssembly.Memory;
  readonly #slots: Float64Array;

  /** @param memory memory of the counters to share */
  constructor(memory = newStopMemory()) {
    this.memory = memory;
    this.#slots = new Float64Array(memory.buffer, FREE_BYTES);
  }

  /** Makes all guests of the thread trap. */
  stopGuests(): void {
    stopCode(this.memory);
  }

  /** Increases while the event loop turns. */
  get beats(): number {
    return this.#slots[BEATS]!;
  }

  beat(): void {
    this.#slots[BEATS]! += 1;
  }

  /** Id of the last request that a guest was given; ids ascend from 1. */
  get lastBegun(): number {
    return this.#slots[LAST_BEGUN]!;
  }

  set lastBegun(id: number) {
    this.#slots[LAST_BEGUN] = id;
  }

  /** Number of guests that have not returned; their responses may have ended. */
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
  readonly #onCheck: () => void;
  #timer: ReturnType<typeof setInterval> | undefined;
  #lastBeats = 0;
  #silence = 0;

  /** @param onCheck called every {@link WATCH_INTERVAL} milliseconds while it watches */
  constructor(counters: SharedCounters, onCheck: () => void) {
    this.#counters = counters;
    this.#onCheck = onCheck;
  }

  /** Milliseconds for which the event loop has not turned while it was watched. */
  get silence(): number {
    return this.#silence;
  }

  /** Starts to watch, unless it does already. */
  watch(): void {
    if (this.#timer !== undefined) return;
    this.#silence = 0;
    this.#timer = setInterval(() => this.#check(), WATCH_INTERVAL);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #check(): void {
    const { beats } = this.#counters;
    this.#silence = beats === this.#lastBeats ? this.#silence + WATCH_INTERVAL : 0;
    this.#lastBeats = beats;
    this.#onCheck();
  }
}
