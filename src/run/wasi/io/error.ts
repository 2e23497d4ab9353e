import { messageOf } from "../../../base/errors.ts";
import { WasiError } from "../errors.ts";

/** `wasi:io/error`'s error: why an operation on a stream failed. */
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

/** `wasi:io/streams`' stream-error. */
export type StreamError =
  | { readonly tag: "closed" }
  | { readonly tag: "last-operation-failed"; readonly val: IoError };

/** How a stream ended: a failure is told once, and after it the stream is closed. */
export class StreamEnd {
  #error: StreamError;

  private constructor(error: StreamError) {
    this.#error = error;
  }

  static closed(): StreamEnd {
    return new StreamEnd({ tag: "closed" });
  }

  /** Whoever would read on the other side being gone is an end like any other. */
  static failed(cause: unknown): StreamEnd {
    if (cause instanceof Deno.errors.BrokenPipe) return StreamEnd.closed();
    return new StreamEnd({ tag: "last-operation-failed", val: new IoError(cause) });
  }

  throw(): never {
    const error = this.#error;
    this.#error = { tag: "closed" };
    throw new WasiError(error);
  }
}
