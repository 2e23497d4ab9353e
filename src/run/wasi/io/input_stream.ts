import { GUEST_READ_AHEAD } from "../../../base/limits.ts";
import { StreamEnd } from "./error.ts";
import { Pollable, untilReady, Waitable } from "./poll.ts";

/** 1 MiB limit on the bytes that one read of a stream or file returns. */
export const MAX_READ = 1024 * 1024;

/**
 * Reads the next bytes of an input stream; null at the end. It may return more than `atMost` if it has them
 * already. An error that it throws or rejects with fails the stream.
 */
export type Source = (atMost: number) => Uint8Array | null | Promise<Uint8Array | null>;

/** A source and the bytes that were read from it but not yet taken. Several streams may share one, as on stdin. */
export class BufferedInput {
  readonly #source: Source;
  #chunk: Uint8Array | undefined;
  #end: StreamEnd | undefined;
  #pending: Promise<void> | undefined;
  readonly waitable: Waitable = new Waitable(
    () => this.prepare(GUEST_READ_AHEAD),
    () => this.#pending ?? Promise.resolve(),
  );

  constructor(source: Source) {
    this.#source = source;
  }

  /** True if bytes or the end are there to take; starts reading them otherwise. */
  prepare(atMost: number): boolean {
    if (!this.#chunk && !this.#end && !this.#pending) this.#read(atMost);
    return this.#chunk !== undefined || this.#end !== undefined;
  }

  /**
   * Takes bytes that were read before; none if the caller has to wait.
   * @throws WasiError with a stream-error at the end
   */
  take(atMost: number): Uint8Array {
    const chunk = this.#chunk;
    if (!chunk) return this.#end ? this.#end.throw() : new Uint8Array();
    this.#chunk = chunk.length > atMost ? chunk.subarray(atMost) : undefined;
    return chunk.subarray(0, atMost);
  }

  close(): void {
    this.#chunk = undefined;
    this.#end ??= StreamEnd.closed();
  }

  #read(atMost: number): void {
    try {
      const chunk = this.#source(atMost);
      if (!(chunk instanceof Promise)) return this.#receive(chunk);
      this.#pending = chunk.then((chunk) => this.#receive(chunk), (error) => this.#fail(error))
        .finally(() => this.#pending = undefined);
    } catch (error) {
      this.#fail(error);
    }
  }

  #receive(chunk: Uint8Array | null): void {
    if (chunk === null) this.#end ??= StreamEnd.closed();
    else if (chunk.length > 0 && !this.#end) this.#chunk = chunk;
  }

  #fail(error: unknown): void {
    this.#end ??= StreamEnd.failed(error);
  }
}

/** `input-stream` of `wasi:io/streams`. */
export class InputStream implements Disposable {
  readonly #input: BufferedInput;
  readonly #onDrop: (() => void) | undefined;

  /** @param onDrop called when the guest drops the stream, which does not close the input */
  constructor(input: BufferedInput, onDrop?: () => void) {
    this.#input = input;
    this.#onDrop = onDrop;
  }

  /** Returns the only stream of a source, which closes its input when it is dropped. */
  static of(source: Source, onDrop?: () => void): InputStream {
    const input = new BufferedInput(source);
    return new InputStream(input, () => {
      input.close();
      onDrop?.();
    });
  }

  read(length: bigint): Uint8Array {
    const atMost = limited(length);
    if (atMost > 0) this.#input.prepare(atMost);
    return this.#input.take(atMost);
  }

  async blockingRead(length: bigint): Promise<Uint8Array> {
    const atMost = limited(length);
    if (atMost > 0) {
      this.#input.prepare(atMost);
      await untilReady([this.#input.waitable]);
    }
    return this.#input.take(atMost);
  }

  skip(length: bigint): bigint {
    return BigInt(this.read(length).length);
  }

  async blockingSkip(length: bigint): Promise<bigint> {
    return BigInt((await this.blockingRead(length)).length);
  }

  subscribe(): Pollable {
    return new Pollable(this.#input.waitable);
  }

  [Symbol.dispose](): void {
    this.#onDrop?.();
  }
}

/** A guest may request more than the host is willing to allocate. */
function limited(length: bigint): number {
  return Number(length < MAX_READ ? length : MAX_READ);
}
