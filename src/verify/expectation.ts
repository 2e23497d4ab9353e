import type { BlobDescriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { ImageManifest } from "../oci/manifest.ts";
import { isWasm, SPIN_ARCHIVE } from "../oci/media_types.ts";
import type { Reference } from "../oci/reference.ts";
import type { SnapshotEntry } from "../snapshot/types.ts";
import type { EntryRecord } from "../store/entries/app_record.ts";
import type { PackageRecord } from "../store/entries/package_record.ts";
import type { Layout } from "../store/layout.ts";

/** A file that must have a certain digest. */
export interface ExpectedFile {
  readonly path: string;
  /** A second path that will do. */
  readonly alternative?: string;
  readonly digest: Digest;
  /** Bytes, if a manifest or record states them. */
  readonly size?: number | undefined;
  /** True if the file may be missing; if it exists, it must still have the digest. */
  readonly optional?: boolean;
  /** True for Spin's archive: only a pull may put it in place, after the files in it. */
  readonly isArchive?: boolean;
}

/** How to repair a damaged entry. */
export type EntryRepair =
  /** Fetch what is missing, by digest. */
  | { readonly by: "restore"; readonly reference: Reference; readonly record: EntryRecord }
  /** The same for an entry that Spin wrote. */
  | { readonly by: "restoreSpin"; readonly reference: Reference; readonly image: ImageManifest }
  /** Ask the registry, because the digest of the tag is unknown. */
  | { readonly by: "pull"; readonly reference: Reference }
  /** Fetch the package from its URL, by digest. */
  | { readonly by: "fetch"; readonly package: PackageRecord }
  /** Delete the record, because nothing has the entry: it is made or fetched again when it is needed. */
  | { readonly by: "forget"; readonly record: string };

/** The files that an entry must have, and what is wrong with it apart from their content. */
export interface ExpectedFiles {
  readonly entry: SnapshotEntry;
  readonly files: readonly ExpectedFile[];
  readonly faults: readonly {
    readonly kind: "broken" | "misplaced";
    readonly path: string;
    readonly detail: string;
  }[];
  /** Undefined if neither a repair nor its removal is right, as for an entry of a newer larder. */
  readonly repair: EntryRepair | undefined;
}

/**
 * Returns where a blob must be. `data/` will do for Wasm: Spin stores Wasm of media types that it lacks there.
 * @param isPackage true if it must be in its own tree nevertheless
 */
export function expectedBlob(
  layout: Layout,
  blob: BlobDescriptor,
  isPackage = false,
): ExpectedFile {
  const { digest, size, mediaType } = blob;
  return {
    path: layout.blobOf(blob),
    ...(isWasm(mediaType) && !isPackage && { alternative: layout.blob("data", digest) }),
    ...(mediaType === SPIN_ARCHIVE && { isArchive: true }),
    digest,
    size,
  };
}
