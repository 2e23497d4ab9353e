import type { BlobDescriptor } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import type { BlobStream, FetchOptions } from "../../oci/fetcher.ts";
import type { Manifest } from "../../oci/manifest.ts";

/** What a digest does not prove: the digest that a package has, and the result of a build. */
export const RECORD_KINDS = ["packages", "builds"] as const;
export type RecordKind = typeof RECORD_KINDS[number];

/** A statement under a name, which only machines with the same key make and believe. */
export interface SharedRecord {
  readonly kind: RecordKind;
  /** Identifies what the record is about. */
  readonly name: string;
  /** JSON. */
  readonly value: unknown;
}

/** A blob that the cache has. */
export interface OfferedBlob {
  readonly descriptor: BlobDescriptor;
  /** The file; content that has been removed when its turn comes is left out. */
  readonly path: string;
}

/** What a command fetched or built: written leaves before roots. */
export interface Offer {
  readonly blobs: readonly OfferedBlob[];
  /** Those that others refer to first. */
  readonly manifests?: readonly Manifest[];
  readonly record?: SharedRecord;
  /** True if a record of the same name is replaced. */
  readonly replaces?: boolean;
}

/**
 * Content that machines share. A failure of it is a miss, of which the user is warned once; callers check all bytes
 * against the digest, as they check those of a registry.
 */
export interface SharedContent {
  /** Opens a blob at an offset (bytes); returns undefined for a miss. */
  blob(
    descriptor: BlobDescriptor,
    offset?: number,
    options?: FetchOptions,
  ): Promise<BlobStream | undefined>;
  /** Returns the manifest with a digest, which was checked; undefined for a miss. */
  manifest(digest: Digest, signal?: AbortSignal): Promise<Manifest | undefined>;
  /** Returns the value of a record whose signature is right; undefined for a miss. */
  record(kind: RecordKind, name: string, signal?: AbortSignal): Promise<unknown>;
  /** Writes content, if the user wants that; returns at once. */
  offer(offer: Offer): void;
}
