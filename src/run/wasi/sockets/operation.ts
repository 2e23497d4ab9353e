import { SocketFailure } from "../../sockets/messages.ts";
import { WasiError } from "../errors.ts";
import { guestCode } from "./network.ts";

/** Something that a guest has started and finishes later. */
export class Operation<T> {
  readonly #promise: Promise<T>;
  #outcome: { readonly value: T } | { readonly error: unknown } | undefined;

  constructor(promise: Promise<T>) {
    this.#promise = promise;
    promise.then((value) => this.#outcome = { value }, (error) => this.#outcome = { error });
  }

  get isDone(): boolean {
    return this.#outcome !== undefined;
  }

  /**
   * Its result.
   * @throws Refused with `would-block` where it is not over, with its error-code where it failed
   */
  take(): T {
    const outcome = this.#outcome;
    if (!outcome) throw new WasiError("would-block");
    if ("value" in outcome) return outcome.value;
    const { error } = outcome;
    throw error instanceof SocketFailure ? new WasiError(guestCode(error)) : error;
  }

  /** Resolves once it is over; rejects where that traps the guest. */
  async wait(): Promise<void> {
    try {
      await this.#promise;
    } catch (error) {
      if (!(error instanceof SocketFailure)) throw error;
    }
  }
}
