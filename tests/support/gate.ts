import { before } from "./until.ts";

/**
 * Holds the code under test at `pass` until the test opens the gate, and tells the test that it has been reached.
 * An open gate stays open.
 */
export class Gate {
  readonly #reached = Promise.withResolvers<void>();
  readonly #opening = Promise.withResolvers<void>();

  /** Resolves once the gate has been reached. */
  get reached(): Promise<void> {
    return this.#reached.promise;
  }

  /** Resolves once the gate has been reached; fails if `work`, which should reach it, ends before. */
  reachedBy(work: Promise<unknown>): Promise<void> {
    return before(this.reached, work);
  }

  /** Reaches the gate and resolves once it is open. */
  pass(): Promise<void> {
    this.#reached.resolve();
    return this.#opening.promise;
  }

  open(): void {
    this.#opening.resolve();
  }
}
