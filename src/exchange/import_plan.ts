import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { ManifestTree } from "../pull/select_platforms.ts";

/** A reference to import. */
export interface PlannedReference {
  readonly type: "reference";
  /** The name that the bundle gives it: a reference, only a tag, or none. */
  readonly label: string | undefined;
  readonly selection: ManifestTree;
  /** True if the bundle has all manifests of its indexes. */
  readonly isWhole: boolean;
  /** When a registry last confirmed its digest, if the bundle says so. Milliseconds since the epoch. */
  readonly checkedAt: number | undefined;
}

/** A package or build to import. */
export interface PlannedRecord {
  readonly type: "package" | "build";
  readonly label: string;
  /** The text of its record. */
  readonly record: string;
  /** The descriptors of its file and, for a build, of its key document. */
  readonly blobs: readonly Descriptor[];
}

export type PlannedEntry = PlannedReference | PlannedRecord;

/** What a bundle offers; its manifests are verified, its blobs are not yet. */
export interface ImportPlan {
  readonly entries: readonly PlannedEntry[];
  /** Returns the name of the file of the bundle with the blob of this digest, whether it exists or not. */
  readonly fileOf: (digest: Digest) => string;
  /** True if blobs that an earlier bundle has were left out. */
  readonly isPartial: boolean;
}
