import type { Clock } from "../../base/concurrency.ts";
import type { BlobDescriptor } from "../../oci/descriptor.ts";
import type { BlobStream, Fetcher, FetchOptions } from "../../oci/fetcher.ts";

/** 1 MiB, the most that is requested as a range. With its read buffer, each connection needs twice that memory. */
const MOST_RANGE = 1024 * 1024;

/** 256 KiB, the least: the time between two ranges is a round trip. */
const LEAST_RANGE = 256 * 1024;

/** Ranges of a blob, as far as their limits allow. Each may be one request to the registry and one to another host. */
const RANGES = 128;

/**
 * Returns the length of the ranges of a blob, in bytes. The last of long ones would keep a slow connection busy while
 * the others have nothing to do: of five layers of 8 MiB over a line that loses 1 % of the packets, ranges of 1 MiB take
 * 8.9 s, and of 256 KiB 7.1 s.
 */
export function rangeOf(size: number): number {
  return Math.min(MOST_RANGE, Math.max(LEAST_RANGE, Math.ceil(size / RANGES)));
}

/** 100 milliseconds of waiting for bytes, which is enough to judge a line. */
const JUDGED_AFTER = 100;

/**
 * 10 MiB a second below which a connection is slow. On a faster one the processor is the limit, and ranges cost more than
 * they bring: 400 MiB from the same machine took 2.1 s instead of 0.8 s.
 */
const SLOW = 10 * 1024 * 1024 / 1000;

/**
 * Counts the connections that fetch blobs. Each blob that is left has one reserved; the others of those allowed are
 * spare.
 */
export class BlobConnections {
  #used = 0;

  reserve(count: number): void {
    this.#used += count;
  }

  /** True if fewer than `most` are in use. */
  areSpare(most: number): boolean {
    return this.#used < most;
  }

  /** Takes a spare connection; returns false if `most` are in use. */
  take(most: number): boolean {
    if (!this.areSpare(most)) return false;
    this.#used++;
    return true;
  }

  release(count: number): void {
    this.#used -= count;
  }
}

export interface ParallelOptions {
  readonly clock: Clock;
  readonly connections: BlobConnections;
  /** Connections allowed in all. */
  readonly most: number;
}

/** A range that is requested before its turn. */
class RangeAhead {
  readonly start: number;
  readonly bytes: Uint8Array;
  received = 0;
  isRunning = true;

  constructor(start: number, end: number) {
    this.start = start;
    this.bytes = new Uint8Array(end - start);
  }

  get end(): number {
    return this.start + this.bytes.length;
  }

  get isComplete(): boolean {
    return this.received === this.bytes.length;
  }

  /** True if its request failed before its first byte. */
  get isEmpty(): boolean {
    return !this.isRunning && this.received === 0;
  }

  /** Appends bytes; returns false if they are more than were asked for. */
  append(chunk: Uint8Array): boolean {
    if (chunk.length > this.bytes.length - this.received) return false;
    this.bytes.set(chunk, this.received);
    this.received += chunk.length;
    return true;
  }
}

/**
 * Reads one blob once.
 *
 * Invariant: the stream, if one is open, and the requests for ranges are at most as many as the connections held, and
 * these are the blob's own and those taken from the spare ones. For each connection held, at most {@link MOST_RANGE} bytes wait
 * to be delivered, which bounds the memory: one range that is late holds up none of the others.
 */
export class RangeReader {
  readonly #source: Fetcher;
  readonly #descriptor: BlobDescriptor & { readonly size: number };
  readonly #options: FetchOptions;
  readonly #parallel: ParallelOptions & { readonly onSplit: () => void };
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  /** Length of a range. */
  readonly #range: number;
  /** Ranges that may wait for each connection held. */
  readonly #aheadPerConnection: number;
  readonly #requests = new Set<Promise<void>>();
  /** In order. */
  readonly #ahead: RangeAhead[] = [];
  #isStreaming = false;
  #held = 1;
  /** Connections that this blob may use, from what the source has refused. */
  #most = Infinity;
  /** True once the source has answered a request for a range with that range. */
  #servesRanges = false;
  #isSlow = false;
  /** Bytes delivered so far. */
  #position = 0;
  #wake = () => {};

  constructor(
    source: Fetcher,
    descriptor: BlobDescriptor & { readonly size: number },
    options: FetchOptions,
    parallel: ParallelOptions & { readonly onSplit: () => void },
  ) {
    this.#source = source;
    this.#descriptor = descriptor;
    this.#options = options;
    this.#parallel = parallel;
    this.#range = rangeOf(descriptor.size);
    this.#aheadPerConnection = Math.floor(MOST_RANGE / this.#range);
    const { signal } = this.#stop;
    this.#signal = options.signal ? AbortSignal.any([options.signal, signal]) : signal;
  }

  async *read(first: BlobStream): AsyncGenerator<Uint8Array> {
    this.#position = first.offset;
    this.#servesRanges = first.end !== undefined;
    try {
      for (let stream = first;;) {
        yield* this.#readStream(stream);
        const isAtRange = this.#position === this.#ahead[0]?.start;
        // It ended too early, or it was the rest of the blob.
        if (!isAtRange && this.#position !== stream.end) return;
        yield* this.#readRanges();
        if (this.#position >= this.#descriptor.size) return;
        const options = { ...this.#options, end: this.#streamEnd() };
        this.#isStreaming = true;
        stream = await this.#source.fetch(this.#descriptor, this.#position, options);
      }
    } finally {
      this.#stop.abort();
      await Promise.all(this.#requests);
      this.#parallel.connections.release(this.#held - 1);
    }
  }

  /** Returns where the next stream has to end: what it sends beyond that is a loss once the blob goes on in ranges. */
  #streamEnd(): number | undefined {
    const ahead = this.#ahead.find((range) => !range.isEmpty)?.start;
    if (ahead !== undefined) return ahead;
    const { size } = this.#descriptor;
    const maySplit = this.#isSlow && this.#servesRanges && this.#most > 1;
    return maySplit ? Math.min(size, this.#position + this.#range) : undefined;
  }

  /** Reads a stream up to its end or the next range ahead. */
  async *#readStream({ offset, end, chunks }: BlobStream): AsyncGenerator<Uint8Array> {
    const { clock } = this.#parallel;
    this.#isStreaming = true;
    let [at, waited, since] = [offset, 0, clock.elapsed()];
    for await (const chunk of chunks) {
      waited += clock.elapsed() - since;
      const received = at + chunk.length - offset;
      if (waited >= JUDGED_AFTER && received < waited * SLOW) this.#isSlow = true;
      while (this.#ahead[0]?.isEmpty) this.#ahead.shift();
      this.#requestAhead(end);
      const stop = Math.min(end ?? Infinity, this.#ahead[0]?.start ?? Infinity);
      // A source that cannot start at the position sends what was delivered already.
      const rest = chunk.subarray(Math.max(0, this.#position - at), Math.max(0, stop - at));
      at += chunk.length;
      this.#position += rest.length;
      if (rest.length > 0) yield rest;
      // A stream that ends here is read to its end, so that its connection can be used again.
      if (at > stop || (at === stop && stop !== end)) break;
      since = clock.elapsed();
    }
    this.#isStreaming = false;
  }

  /** Reads the ranges ahead up to the first that is incomplete. */
  async *#readRanges(): AsyncGenerator<Uint8Array> {
    for (let range; (range = this.#ahead[0])?.start === this.#position;) {
      yield* this.#readRange(range!);
      this.#ahead.shift();
      // The connection of an incomplete range is that of the next stream.
      if (this.#position < range!.end) return;
      this.#requestAhead();
    }
  }

  async *#readRange(range: RangeAhead): AsyncGenerator<Uint8Array> {
    for (let at = 0;;) {
      const bytes = range.bytes.subarray(at, range.received);
      at += bytes.length;
      this.#position += bytes.length;
      if (bytes.length > 0) yield bytes;
      else if (range.isRunning) await new Promise<void>((resolve) => this.#wake = resolve);
      else return;
    }
  }

  /**
   * Requests as many ranges as there are connections for, and gives back connections without use.
   * @param streamEnd where the open stream ends, if not at the end of the blob
   */
  #requestAhead(streamEnd?: number): void {
    const { connections, most } = this.#parallel;
    const { size } = this.#descriptor;
    // The first request shows whether the source serves ranges.
    while (
      this.#isSlow && this.#undelivered > 0 && (this.#servesRanges || this.#ahead.length === 0)
    ) {
      const start = this.#ahead.at(-1)?.end ?? streamEnd ?? this.#position + this.#range;
      if (start >= size || this.#inUse >= this.#most) break;
      if (
        this.#inUse === this.#held || this.#undelivered >= this.#held * this.#aheadPerConnection
      ) {
        if (!connections.take(most)) break;
        this.#held++;
      }
      const range = new RangeAhead(start, Math.min(size, start + this.#range));
      this.#ahead.push(range);
      const request: Promise<void> = this.#request(range)
        .finally(() => this.#requests.delete(request));
      this.#requests.add(request);
      this.#parallel.onSplit();
    }
    const unused = this.#held -
      Math.max(1, this.#inUse, Math.ceil(this.#undelivered / this.#aheadPerConnection));
    this.#held -= unused;
    connections.release(unused);
  }

  /** Connections that are open, or that the streams in place of failed ranges will need. */
  get #inUse(): number {
    const ahead = this.#ahead.filter((range) => range.isRunning || !range.isComplete);
    return ahead.length + (this.#isStreaming ? 1 : 0);
  }

  /** Ranges ahead, and the stream. */
  get #undelivered(): number {
    return this.#ahead.length + (this.#isStreaming ? 1 : 0);
  }

  async #request(range: RangeAhead): Promise<void> {
    const options = { signal: this.#signal, end: range.end, once: true };
    try {
      const stream = await this.#source.fetch(this.#descriptor, range.start, options);
      const isRange = stream.offset === range.start && stream.end === range.end;
      this.#servesRanges ||= isRange;
      for await (const chunk of stream.chunks) {
        if (!isRange || !range.append(chunk)) break;
        this.#wake();
      }
    } catch {
      // The stream that is opened in place of the range fails in the same way, if that lasts.
    }
    if (!range.isComplete) {
      this.#most = this.#servesRanges ? Math.min(this.#most, this.#held) - 1 : 1;
    }
    range.isRunning = false;
    // Its connection is free, although its bytes may have to wait.
    if (this.#ahead.length > 0 && !this.#signal.aborted) this.#requestAhead();
    this.#wake();
  }
}
