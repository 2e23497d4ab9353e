import { before } from "./until.ts";

/**
 * Holds whoever comes to it until the test opens it, and tells the test that somebody has come.
 * A gate that is open stays open.
 */
export class Gate {
  readonly #arrival = Promise.withResolvers<void>();
  readonly #opening = Promise.withResolvers<void>();

  /** Resolves once somebody waits, or has waited, at the gate. */
  get reached(): Promise<void> {
    return this.#arrival.promise;
  }

  /** Resolves once somebody waits at the gate; it is an error if `work`, which is to bring them there, ends before. */
  reachedBy(work: Promise<unknown>): Promise<void> {
    return before(this.reached, work);
  }

  /** Arrives, and waits for the opening. */
  pass(): Promise<void> {
    this.#arrival.resolve();
    return this.#opening.promise;
  }

  open(): void {
    this.#opening.resolve();
  }
}
