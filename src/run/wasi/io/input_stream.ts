import { GUEST_READ_AHEAD } from "../../../base/limits.ts";
import { StreamEnd } from "./error.ts";
import { Pollable, untilReady, Waitable } from "./poll.ts";

/** The most that a guest is given by one read of a stream or file. */
export const GUEST_READ = 1024 * 1024;

/**
 * Where an input stream's bytes come from: some of them, or null for the end. More than were asked for may come
 * where they are there anyway. What it throws, or rejects with, is the stream's failure.
 */
export type Source = (atMost: number) => Uint8Array | null | Promise<Uint8Array | null>;

/** The host's side of input streams: what has come and was not read. Several may share it, as stdin's do. */
export class BufferedInput {
  readonly #source: Source;
  #chunk: Uint8Array | undefined;
  #end: StreamEnd | undefined;
  #pulling: Promise<void> | undefined;
  readonly waitable: Waitable = new Waitable(
    () => this.prepare(GUEST_READ_AHEAD),
    () => this.#pulling ?? Promise.resolve(),
  );

  constructor(source: Source) {
    this.#source = source;
  }

  /** Whether there is something to tell; has it fetched if there is not. */
  prepare(atMost: number): boolean {
    if (!this.#chunk && !this.#end && !this.#pulling) this.#pull(atMost);
    return this.#chunk !== undefined || this.#end !== undefined;
  }

  /**
   * Takes what is there, which is nothing where one has to wait for it.
   * @throws Refused with a stream-error
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

  #pull(atMost: number): void {
    try {
      const coming = this.#source(atMost);
      if (!(coming instanceof Promise)) return this.#arrive(coming);
      this.#pulling = coming.then((chunk) => this.#arrive(chunk), (error) => this.#fail(error))
        .finally(() => this.#pulling = undefined);
    } catch (error) {
      this.#fail(error);
    }
  }

  #arrive(chunk: Uint8Array | null): void {
    if (chunk === null) this.#end ??= StreamEnd.closed();
    else if (chunk.length > 0 && !this.#end) this.#chunk = chunk;
  }

  #fail(error: unknown): void {
    this.#end ??= StreamEnd.failed(error);
  }
}

/** `wasi:io/streams`' input-stream. */
export class InputStream implements Disposable {
  readonly #intake: BufferedInput;
  readonly #onDrop: (() => void) | undefined;

  /** @param onDrop what to do with the intake when the guest has no more use for it; by default nothing */
  constructor(intake: BufferedInput, onDrop?: () => void) {
    this.#intake = intake;
    this.#onDrop = onDrop;
  }

  /** A stream that has its source for itself. */
  static of(source: Source, onDrop?: () => void): InputStream {
    const intake = new BufferedInput(source);
    return new InputStream(intake, () => {
      intake.close();
      onDrop?.();
    });
  }

  read(length: bigint): Uint8Array {
    const atMost = bounded(length);
    if (atMost > 0) this.#intake.prepare(atMost);
    return this.#intake.take(atMost);
  }

  async blockingRead(length: bigint): Promise<Uint8Array> {
    const atMost = bounded(length);
    if (atMost > 0) {
      this.#intake.prepare(atMost);
      await untilReady([this.#intake.waitable]);
    }
    return this.#intake.take(atMost);
  }

  skip(length: bigint): bigint {
    return BigInt(this.read(length).length);
  }

  async blockingSkip(length: bigint): Promise<bigint> {
    return BigInt((await this.blockingRead(length)).length);
  }

  subscribe(): Pollable {
    return new Pollable(this.#intake.waitable);
  }

  [Symbol.dispose](): void {
    this.#onDrop?.();
  }
}

/** The guest says how much it would take: the host gives no more than this at a time. */
function bounded(length: bigint): number {
  return Number(length < GUEST_READ ? length : GUEST_READ);
}
