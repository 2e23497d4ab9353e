import type { BlobDescriptor } from "../../oci/descriptor.ts";
import type { BlobStream, Fetcher, FetchOptions } from "../../oci/fetcher.ts";
import { type ParallelOptions, rangeOf, RangeReader } from "./range_reader.ts";

/** 4 MiB that have to be left of a blob: less has arrived before other connections are open and up to speed. */
const LEAST_SPLIT = 4 * 1024 * 1024;

/**
 * Fetches one blob, and uses spare connections if the line is slow: packet loss slows down each connection by itself.
 *
 * The first request is for one range, or for the whole blob if no connection is spare. If its bytes are slow to come,
 * spare connections fetch the ranges that follow into memory; otherwise the rest of the blob is one stream. Bytes are
 * delivered in order, so that a partial download is always the beginning of the blob.
 *
 * A range ahead is requested once. If that fails, a stream is opened at its first missing byte, with the tries and
 * fallbacks of the source, and the blob uses one connection less from then on.
 */
export class ParallelFetcher implements Fetcher {
  readonly #source: Fetcher;
  readonly #options: ParallelOptions;
  #maySplit = true;
  #hasSplit = false;

  constructor(source: Fetcher, options: ParallelOptions) {
    this.#source = source;
    this.#options = options;
  }

  /** @inheritdoc */
  async fetch(
    descriptor: BlobDescriptor,
    offset = 0,
    options: FetchOptions = {},
  ): Promise<BlobStream> {
    const { size = 0 } = descriptor;
    if (!this.#maySplit || size - offset < LEAST_SPLIT) {
      return await this.#source.fetch(descriptor, offset, options);
    }
    const { connections, most } = this.#options;
    const end = connections.areSpare(most) ? offset + rangeOf(size) : undefined;
    const stream = await this.#source.fetch(descriptor, offset, { ...options, end });
    if (stream.end !== undefined) this.#hasSplit = true;
    const reader = new RangeReader(this.#source, { ...descriptor, size }, options, {
      ...this.#options,
      onSplit: () => this.#hasSplit = true,
    });
    return { offset: stream.offset, chunks: reader.read(stream), reject: stream.reject };
  }

  /**
   * Fetches blobs as one stream from now on: a proxy may send wrong bytes for ranges alone.
   * @returns false if it did so before
   */
  stopSplitting(): boolean {
    const hadSplit = this.#hasSplit;
    this.#maySplit = this.#hasSplit = false;
    return hadSplit;
  }
}
