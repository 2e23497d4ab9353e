import { GUEST_READ_AHEAD } from "../../../base/limits.ts";
import { type Result, WasiError } from "../errors.ts";
import { IoError, type StreamError } from "../io/error.ts";
import type { InputStream } from "../io/input_stream.ts";
import type { OutputStream } from "../io/output_stream.ts";

/** The readable end of a guest's `stream`, as transpiled code passes it. */
export interface GuestStream<T> extends Disposable {
  /** Resolves to at most `count` items; to none at the end. */
  read(options: { count: number }): Promise<{ value: T | undefined; done: boolean }>;
}

/** A guest's `future`, as transpiled code passes it: it is not read before it is awaited. */
export type GuestFuture<T> = PromiseLike<T>;

/** The value of the future that tells how a stream ended. */
export type Outcome<E> = Result<undefined, E>;

export const OK: Outcome<never> = { tag: "ok", val: undefined };

/** Returns the error code of a guest for the cause of a stream's failure; undefined if the stream was closed. */
export type CodeOf<E> = (cause: unknown) => E;

/** Returns a stream for the guest with everything of an input stream, and the future that tells how it ends. */
export function readable<E>(
  input: InputStream,
  codeOf: CodeOf<E>,
): [AsyncIterableIterator<Uint8Array>, Promise<Outcome<E>>] {
  const { promise, resolve } = Promise.withResolvers<Outcome<E>>();
  let isOpen = true;
  const end = (outcome: Outcome<E>) => {
    if (isOpen) input[Symbol.dispose]();
    isOpen = false;
    resolve(outcome);
    return { done: true, value: undefined } as const;
  };
  const stream: AsyncIterableIterator<Uint8Array> = {
    async next() {
      try {
        return { done: false, value: await input.blockingRead(BigInt(GUEST_READ_AHEAD)) };
      } catch (error) {
        const failure = streamError(error);
        if (failure.tag === "closed") return end(OK);
        return end({ tag: "err", val: codeOf(IoError.causeOf(failure.val)) });
      }
    },
    return: () => Promise.resolve(end(OK)),
    [Symbol.asyncIterator]: () => stream,
  };
  return [stream, promise];
}

/** Returns the stream and the future for an operation that has failed at once. */
export function failedStream<E>(error: E): [[], Promise<Outcome<E>>] {
  return [[], Promise.resolve({ tag: "err", val: error })];
}

/** Generates the bytes of a guest's stream. One that the guest got from the host is read as an array of numbers. */
export async function* chunksOf(
  stream: GuestStream<Uint8Array | number[]>,
): AsyncGenerator<Uint8Array> {
  try {
    while (true) {
      const { value, done } = await stream.read({ count: GUEST_READ_AHEAD });
      if (value) yield value instanceof Uint8Array ? value : Uint8Array.from(value);
      if (done) return;
    }
  } finally {
    stream[Symbol.dispose]();
  }
}

/**
 * Writes all of a stream to an output stream.
 * @throws WasiError with a stream-error; any error if the guest has ended before its stream
 */
export async function pump(
  chunks: AsyncIterable<Uint8Array>,
  output: OutputStream,
): Promise<void> {
  try {
    for await (const bytes of chunks) await output.blockingWriteAndFlush(bytes);
  } finally {
    output[Symbol.dispose]();
  }
}

/** Writes all of a guest's stream to an output stream, and returns the value of the future that tells how it ended. */
export async function write<E>(
  stream: GuestStream<Uint8Array>,
  output: OutputStream,
  codeOf: CodeOf<E>,
): Promise<Outcome<E>> {
  try {
    await pump(chunksOf(stream), output);
    return OK;
  } catch (error) {
    if (!(error instanceof WasiError)) return OK; // The guest has ended, so that nothing reads this.
    const failure = streamError(error);
    const cause = failure.tag === "closed" ? undefined : IoError.causeOf(failure.val);
    return { tag: "err", val: codeOf(cause) };
  }
}

/** Returns the stream-error that a method of a stream threw. @throws any other error */
function streamError(error: unknown): StreamError {
  if (error instanceof WasiError) return error.payload as StreamError;
  throw error;
}
