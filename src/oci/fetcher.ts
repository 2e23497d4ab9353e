import type { LarderError } from "../base/errors.ts";
import type { Tries } from "../base/tries.ts";
import type { BlobDescriptor } from "./descriptor.ts";

/** The bytes of a blob as they arrive. */
export interface BlobStream {
  /** Position in the blob of the first byte: the requested offset, or 0 if the source cannot start there. */
  readonly offset: number;
  /**
   * The bytes in order. A chunk may be overwritten once the next one is requested. Leaving the loop early, or an
   * abort, releases the source.
   */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Position after the last byte; undefined for the end of the blob. */
  readonly end?: number | undefined;
  /**
   * Notes that the bytes are not those of the blob, so that they are asked for elsewhere the next time. Absent if there
   * is no other place.
   */
  readonly reject?: ((error: LarderError) => void) | undefined;
}

export interface FetchOptions {
  readonly signal?: AbortSignal | undefined;
  readonly tries?: Tries | undefined;
  /** Asks for the bytes before this position only; a source may send those that follow, too. */
  readonly end?: number | undefined;
  /** Makes one try, whose failure says nothing about the source. */
  readonly once?: boolean | undefined;
}

/** A source of blobs, such as a registry or the store. */
export interface Fetcher {
  /**
   * Opens a blob at `offset` (bytes). The bytes are not verified yet.
   *
   * @param options `tries` counts the requests too if the caller retries
   * @throws LarderError LDR_NOT_FOUND, and any error of the source
   */
  fetch(
    descriptor: BlobDescriptor,
    offset?: number,
    options?: FetchOptions,
  ): Promise<BlobStream>;
}
