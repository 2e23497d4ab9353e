import { SocketFailure } from "../../sockets/messages.ts";
import { WasiError } from "../errors.ts";
import { guestCode } from "./network.ts";

/** An operation that a guest starts with one call and finishes with another. */
export class Operation<T> {
  readonly #promise: Promise<T>;
  #result: { readonly value: T } | { readonly error: unknown } | undefined;

  constructor(promise: Promise<T>) {
    this.#promise = promise;
    promise.then((value) => this.#result = { value }, (error) => this.#result = { error });
  }

  get isDone(): boolean {
    return this.#result !== undefined;
  }

  /**
   * Returns the result.
   * @throws WasiError with `would-block` if it is not done, or with the error-code of its failure
   */
  take(): T {
    const result = this.#result;
    if (!result) throw new WasiError("would-block");
    if ("value" in result) return result.value;
    const { error } = result;
    throw error instanceof SocketFailure ? new WasiError(guestCode(error)) : error;
  }

  /** Resolves once it is done or has failed; rejects with an error that is to trap the guest. */
  async wait(): Promise<void> {
    try {
      await this.#promise;
    } catch (error) {
      if (!(error instanceof SocketFailure)) throw error;
    }
  }
}
