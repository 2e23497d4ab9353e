import type { InputStream } from "./input_stream.ts";
import { StreamEnd } from "./error.ts";
import { Pollable, untilReady, Waitable } from "./poll.ts";
import { trap } from "../errors.ts";

/** Bytes that a guest may have written to a stream before they have gone on. */
export const GUEST_WRITE_WINDOW = 256 * 1024;

/**
 * Where an output stream's bytes go. The next call waits for the promise, if there is one; what it throws, or
 * rejects with, is the stream's failure. The bytes, and the buffer that they are all of, are the sink's to keep.
 */
export type Sink = (bytes: Uint8Array) => Promise<void> | void;

/** `wasi:io/streams`' output-stream. */
export class OutputStream implements Disposable {
  readonly #sink: Sink;
  readonly #onDrop: (() => void) | undefined;
  #isPipelined = false;
  #isClosed = false;
  #end: StreamEnd | undefined;
  /** What was written and is not through the sink: so many bytes, and when it will be. */
  #queued = 0;
  #tail: Promise<void> | undefined;
  #flushing = false;
  /** Resolves when the next piece is through. */
  #moved = Promise.withResolvers<void>();
  readonly #waitable = new Waitable(
    () => this.#end !== undefined || this.#isClosed || this.#room() > 0,
    () => this.#moved.promise,
  );

  /** @param onDrop called when the guest has dropped it and all that was written is through */
  constructor(sink: Sink, onDrop?: () => void) {
    this.#sink = sink;
    this.#onDrop = onDrop;
  }

  /** One whose sink does not need to be waited for: it takes all in the order in which it is called. */
  static pipelined(sink: Sink): OutputStream {
    const stream = new OutputStream(sink);
    stream.#isPipelined = true;
    return stream;
  }

  static isClosed(stream: OutputStream): boolean {
    return stream.#isClosed;
  }

  /** Takes no more from the guest; what was written goes on. */
  static close(stream: OutputStream): void {
    stream.#isClosed = true;
  }

  /** Whether all that was written is through, or failed. */
  static isDrained(stream: OutputStream): boolean {
    return stream.#tail === undefined;
  }

  static hasFailed(stream: OutputStream): boolean {
    return stream.#end !== undefined;
  }

  /** Resolves once it is; never rejects. */
  static async drained(stream: OutputStream): Promise<void> {
    while (stream.#tail) await stream.#tail;
  }

  checkWrite(): bigint {
    this.#throwIfEnded();
    return BigInt(this.#room());
  }

  write(bytes: Uint8Array): void {
    this.#throwIfEnded();
    if (bytes.length > this.#room()) trap("more bytes were written than check-write allowed");
    this.#push(bytes);
  }

  async blockingWriteAndFlush(bytes: Uint8Array): Promise<void> {
    this.#throwIfEnded();
    this.#push(bytes);
    await this.blockingFlush();
  }

  flush(): void {
    this.#throwIfEnded();
    this.#flushing = this.#tail !== undefined;
  }

  async blockingFlush(): Promise<void> {
    this.flush();
    await untilReady([this.#waitable]);
    this.#throwIfEnded();
  }

  writeZeroes(length: bigint): void {
    this.#throwIfEnded();
    this.write(this.#zeroes(length));
  }

  async blockingWriteZeroesAndFlush(length: bigint): Promise<void> {
    await this.blockingWriteAndFlush(this.#zeroes(length));
  }

  splice(source: InputStream, length: bigint): bigint {
    const room = this.checkWrite();
    const bytes = source.read(length < room ? length : room);
    this.#push(bytes.slice());
    return BigInt(bytes.length);
  }

  async blockingSplice(source: InputStream, length: bigint): Promise<bigint> {
    await untilReady([this.#waitable]);
    const room = this.checkWrite();
    const bytes = await source.blockingRead(length < room ? length : room);
    this.#throwIfEnded();
    this.#push(bytes.slice());
    return BigInt(bytes.length);
  }

  subscribe(): Pollable {
    return new Pollable(this.#waitable);
  }

  [Symbol.dispose](): void {
    if (this.#onDrop) OutputStream.drained(this).then(this.#onDrop);
  }

  #room(): number {
    return this.#flushing ? 0 : Math.max(0, GUEST_WRITE_WINDOW - this.#queued);
  }

  #throwIfEnded(): void {
    this.#end?.throw();
    if (this.#isClosed) StreamEnd.closed().throw();
  }

  /** What the guest only gives the length of is held to what fits. */
  #zeroes(length: bigint): Uint8Array {
    if (length > GUEST_WRITE_WINDOW) trap("more zeroes were written than check-write allowed");
    return new Uint8Array(Number(length));
  }

  #push(bytes: Uint8Array): void {
    // The sink may have handed the bytes on when it returns.
    const { length } = bytes;
    if (length === 0) return;
    if (this.#tail && !this.#isPipelined) {
      return this.#follow(
        this.#tail.then(() => this.#end ? undefined : this.#sink(bytes)),
        length,
      );
    }
    try {
      // A sink that is done at once costs no turn of the event loop.
      const done = this.#sink(bytes);
      if (done) this.#follow(done, length);
    } catch (error) {
      this.#end = StreamEnd.failed(error);
    }
  }

  #follow(step: Promise<void>, length: number): void {
    this.#queued += length;
    const tail = step.catch((error) => {
      this.#end ??= StreamEnd.failed(error);
    }).then(() => {
      this.#queued -= length;
      if (this.#tail === tail) {
        this.#tail = undefined;
        this.#flushing = false;
      }
      this.#moved.resolve();
      this.#moved = Promise.withResolvers();
    });
    this.#tail = tail;
  }
}
