import { trap } from "../errors.ts";
import { StreamEnd } from "./error.ts";
import type { InputStream } from "./input_stream.ts";
import { Pollable, untilReady, Waitable } from "./poll.ts";

/** 256 KiB limit on the bytes that a guest has written to a stream and its sink has not taken. */
export const WRITE_WINDOW = 256 * 1024;

/**
 * Takes the bytes of an output stream, and with them the whole of their buffer. The next call waits for the promise
 * if there is one. An error that it throws or rejects with fails the stream.
 */
export type Sink = (bytes: Uint8Array) => Promise<void> | void;

/** `output-stream` of `wasi:io/streams`. */
export class OutputStream implements Disposable {
  readonly #sink: Sink;
  readonly #onDrop: (() => void) | undefined;
  #isPipelined = false;
  #isClosed = false;
  #end: StreamEnd | undefined;
  /** Bytes that were written and that the sink has not taken. */
  #queued = 0;
  /** Settles when the sink has taken everything; undefined if it has. */
  #tail: Promise<void> | undefined;
  #isFlushing = false;
  /** Resolves when the sink has taken the next chunk. */
  #progress = Promise.withResolvers<void>();
  readonly #waitable = new Waitable(
    () => this.#end !== undefined || this.#isClosed || this.#room() > 0,
    () => this.#progress.promise,
  );

  /** @param onDrop called when the guest has dropped the stream and the sink has taken everything */
  constructor(sink: Sink, onDrop?: () => void) {
    this.#sink = sink;
    this.#onDrop = onDrop;
  }

  /** Returns a stream whose sink keeps the order of its calls by itself, so that none waits for the one before. */
  static pipelined(sink: Sink): OutputStream {
    const stream = new OutputStream(sink);
    stream.#isPipelined = true;
    return stream;
  }

  static isClosed(stream: OutputStream): boolean {
    return stream.#isClosed;
  }

  /** Accepts no more writes; what was written still reaches the sink. */
  static close(stream: OutputStream): void {
    stream.#isClosed = true;
  }

  /** True if the sink has taken everything, or has failed. */
  static isDrained(stream: OutputStream): boolean {
    return stream.#tail === undefined;
  }

  static hasFailed(stream: OutputStream): boolean {
    return stream.#end !== undefined;
  }

  /** Resolves once {@link isDrained}; never rejects. */
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
    this.#isFlushing = this.#tail !== undefined;
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
    return this.#isFlushing ? 0 : Math.max(0, WRITE_WINDOW - this.#queued);
  }

  #throwIfEnded(): void {
    this.#end?.throw();
    if (this.#isClosed) StreamEnd.closed().throw();
  }

  /** Traps before it allocates more than fits into the window. */
  #zeroes(length: bigint): Uint8Array {
    if (length > WRITE_WINDOW) trap("more zeroes were written than check-write allowed");
    return new Uint8Array(Number(length));
  }

  #push(bytes: Uint8Array): void {
    // Read first: the sink may have transferred the buffer when it returns.
    const { length } = bytes;
    if (length === 0) return;
    if (this.#tail && !this.#isPipelined) {
      const taken = this.#tail.then(() => this.#end ? undefined : this.#sink(bytes));
      return this.#track(taken, length);
    }
    try {
      // A synchronous sink costs no turn of the event loop.
      const taken = this.#sink(bytes);
      if (taken) this.#track(taken, length);
    } catch (error) {
      this.#end = StreamEnd.failed(error);
    }
  }

  #track(taken: Promise<void>, length: number): void {
    this.#queued += length;
    const tail = taken.catch((error) => {
      this.#end ??= StreamEnd.failed(error);
    }).then(() => {
      this.#queued -= length;
      if (this.#tail === tail) {
        this.#tail = undefined;
        this.#isFlushing = false;
      }
      this.#progress.resolve();
      this.#progress = Promise.withResolvers();
    });
    this.#tail = tail;
  }
}
