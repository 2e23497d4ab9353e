import type { BlobDescriptor } from "./descriptor.ts";

/** A blob's bytes on their way. */
export interface BlobStream {
  /** Where in the blob the bytes begin: the offset asked for, or 0 where the source cannot start there. */
  readonly offset: number;
  /**
   * The bytes in order. A chunk may be overwritten once the next is asked for. Leaving the loop early, or an
   * abort, releases the source.
   */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** Anything that blobs can be had from: the registry client and the store both are. */
export interface Fetcher {
  /**
   * Opens a blob from `offset` (bytes). What comes is not verified yet.
   * @throws LarderError LDR_NOT_FOUND, and whatever the source can fail with
   */
  fetch(descriptor: BlobDescriptor, offset?: number, signal?: AbortSignal): Promise<BlobStream>;
}
