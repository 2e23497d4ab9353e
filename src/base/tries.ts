import type { Clock } from "./concurrency.ts";
import { hasCode } from "./errors.ts";

/** Attempts at one operation, including the first. */
export const TRIES = 5;

/**
 * Attempts that may end in a timeout: a server that accepts requests and stays silent is given up after 90 seconds.
 * Servers that fail fast have all {@link TRIES}.
 */
export const SILENT_TRIES = 3;

/** Milliseconds that bound the first pause between tries; the bound doubles each time. */
export const RETRY_BASE = 250;

/** Milliseconds that bound every pause that larder chooses itself. */
export const RETRY_CAP = 10_000;

/** Milliseconds that a server may ask larder to wait, in all pauses of one operation together. */
export const RETRY_AFTER_CAP = 60_000;

/** A pause before the next try. */
export interface NextTry {
  /** Milliseconds. */
  readonly pause: number;
  /** `2 of 5`. */
  readonly ordinal: string;
}

/**
 * The tries of one operation. All layers that repeat a part of it, such as the request and the transfer of its body,
 * count in the same object, so that their tries add up instead of multiplying.
 */
export class Tries {
  readonly #clock: Clock;
  #count = 1;
  #timeouts = 0;
  #asked = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Counts another try, after a failure.
   *
   * The pause is random below a bound that doubles ("full jitter", so that the clients of a failing server do not all
   * return at once), or the one that the server asks for.
   *
   * @param asked milliseconds that the server asks larder to wait, from `Retry-After`
   * @returns undefined if no try is left
   */
  next(failure?: unknown, asked?: number): NextTry | undefined {
    if (hasCode(failure, "LDR_TIMEOUT")) this.#timeouts++;
    this.#asked += asked ?? 0;
    const isSpent = this.#count >= TRIES || this.#timeouts >= SILENT_TRIES ||
      this.#asked > RETRY_AFTER_CAP;
    if (isSpent) {
      this.end();
      return undefined;
    }
    const bound = Math.min(RETRY_CAP, RETRY_BASE * 2 ** (this.#count - 1));
    const pause = asked ?? this.#clock.random() * bound;
    return { pause, ordinal: `${++this.#count} of ${TRIES}` };
  }

  /** Starts over, after progress. */
  restart(): void {
    this.#count = 1;
    this.#timeouts = 0;
    this.#asked = 0;
  }

  /** Allows no further try. */
  end(): void {
    this.#count = TRIES;
  }
}
