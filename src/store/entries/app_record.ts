import * as v from "valibot";
import { formatJson } from "../../base/json.ts";
import { DigestSchema } from "../../oci/descriptor.ts";
import type { Manifest } from "../../oci/manifest.ts";
import { PlatformSchema } from "../../oci/platform.ts";
import { formatReference, type Reference } from "../../oci/reference.ts";
import { parseJson, TimeSchema } from "../json.ts";

const RecordSchema = v.object({
  schemaVersion: v.literal(1),
  /** The requested reference in full: `docker.io/library/nginx:latest`, `name:tag@digest`. */
  reference: v.string(),
  /** Digest of the index or manifest that the reference resolved to when it was last checked. */
  digest: DigestSchema,
  mediaType: v.string(),
  /** Digest of the manifest of the chosen platform; equal to `digest` if there is no index. */
  manifestDigest: DigestSchema,
  platform: v.optional(PlatformSchema),
  /** True if all platforms of the index were pulled. */
  allPlatforms: v.optional(v.boolean()),
  /** True if foreign layers were fetched too. */
  foreign: v.optional(v.boolean()),
  /**
   * True if `serve` wrote the record: the entry then has the parts that clients asked for, and no others are missing.
   * `digest` and `manifestDigest` are both that of the manifest or index of the reference.
   */
  served: v.optional(v.boolean()),
  /**
   * True if a client pushed it to `serve`: no registry has it. `digest` and `manifestDigest` are as for `served`, and all
   * parts are there.
   */
  pushed: v.optional(v.boolean()),
  /** When the content was last fetched or changed. RFC 3339. */
  pulledAt: TimeSchema,
  /**
   * When the registry last confirmed the digest. RFC 3339. The epoch if no registry ever did, because the entry was
   * imported or pushed: see {@link isConfirmed}.
   */
  checkedAt: TimeSchema,
});

/** The file `record.json` of an entry that larder pulled. Its mtime is the last use. */
export type EntryRecord = v.InferOutput<typeof RecordSchema>;

/** True if a registry has ever confirmed an entry. */
export function isConfirmed({ checkedAt }: Pick<EntryRecord, "checkedAt">): boolean {
  return Date.parse(checkedAt) !== NEVER_CHECKED;
}

/** Returns the record of an entry that was pushed, or imported under the name of one. @param now milliseconds */
export function pushedRecord(reference: Reference, manifest: Manifest, now: number): EntryRecord {
  const { digest, mediaType } = manifest;
  return {
    schemaVersion: 1,
    reference: formatReference(reference),
    digest,
    mediaType,
    manifestDigest: digest,
    pushed: true,
    pulledAt: new Date(now).toISOString(),
    checkedAt: new Date(NEVER_CHECKED).toISOString(),
  };
}

/** Returns the record of an entry of which no part is needed, as `serve` writes it. Times are in milliseconds since the epoch. */
export function servedRecord(
  reference: Reference,
  manifest: Manifest,
  now: number,
  checkedAt = now,
): EntryRecord {
  const { pushed: _, ...record } = pushedRecord(reference, manifest, now);
  return { ...record, served: true, checkedAt: new Date(checkedAt).toISOString() };
}

/** Milliseconds since the epoch: the time of the last check of an entry that was imported or pushed. */
export const NEVER_CHECKED = 0;

/** Parses a record; returns undefined for an invalid one, which counts as missing and is written again. */
export function parseEntryRecord(text: string): EntryRecord | undefined {
  return parseJson(RecordSchema, text);
}

export function formatEntryRecord(record: EntryRecord): string {
  return formatJson(record);
}
