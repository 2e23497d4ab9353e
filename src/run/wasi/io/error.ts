import { messageOf } from "../../../base/errors.ts";
import { WasiError } from "../errors.ts";

/** `error` of `wasi:io/error`: why an operation on a stream failed. */
export class IoError {
  readonly #cause: unknown;

  constructor(cause: unknown) {
    this.#cause = cause;
  }

  static causeOf(error: IoError): unknown {
    return error.#cause;
  }

  toDebugString(): string {
    return messageOf(this.#cause);
  }
}

/** `stream-error` of `wasi:io/streams`. */
export type StreamError =
  | { readonly tag: "closed" }
  | { readonly tag: "last-operation-failed"; readonly val: IoError };

/** How a stream ended. A failure is reported once; after that the stream is closed. */
export class StreamEnd {
  #error: StreamError;

  private constructor(error: StreamError) {
    this.#error = error;
  }

  static closed(): StreamEnd {
    return new StreamEnd({ tag: "closed" });
  }

  /** A broken pipe counts as closed, as the peer has stopped reading. */
  static failed(cause: unknown): StreamEnd {
    if (cause instanceof Deno.errors.BrokenPipe) return StreamEnd.closed();
    return new StreamEnd({ tag: "last-operation-failed", val: new IoError(cause) });
  }

  /** @throws WasiError with a stream-error */
  throw(): never {
    const error = this.#error;
    this.#error = { tag: "closed" };
    throw new WasiError(error);
  }
}
