/**
 * What a guest's thread shows of itself, in memory that it shares with the thread that serves: that reads it even
 * while a guest computes, and no message comes.
 */
export class GuestGauge {
  readonly memory: SharedArrayBuffer;
  readonly #slots: Float64Array;

  /** @param memory of another one, which then shows the same */
  constructor(memory = new SharedArrayBuffer(Float64Array.BYTES_PER_ELEMENT)) {
    this.memory = memory;
    this.#slots = new Float64Array(memory);
  }

  /** Goes up while the event loop turns. */
  get beats(): number {
    return this.#slots[0]!;
  }

  beat(): void {
    this.#slots[0]! += 1;
  }
}
