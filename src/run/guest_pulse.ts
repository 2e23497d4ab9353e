import { GUEST_LOOK } from "../base/defaults.ts";
import type { GuestGauge } from "./guest_gauge.ts";

/** Watches whether the event loop of a guest's thread turns. */
export class GuestPulse {
  readonly #gauge: GuestGauge;
  readonly #onLook: () => void;
  #timer: ReturnType<typeof setInterval> | undefined;
  #lastBeats = 0;
  #silence = 0;

  /** @param onLook called each {@link GUEST_LOOK} milliseconds while it watches */
  constructor(gauge: GuestGauge, onLook: () => void) {
    this.#gauge = gauge;
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
    this.#timer = setInterval(() => this.#look(), GUEST_LOOK);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const { beats } = this.#gauge;
    this.#silence = beats === this.#lastBeats ? this.#silence + GUEST_LOOK : 0;
    this.#lastBeats = beats;
    this.#onLook();
  }
}
