import * as v from "valibot";
import { DigestSchema } from "../../oci/descriptor.ts";
import { PlatformSchema } from "../../oci/platform.ts";
import { parseJson, TimeSchema } from "../json.ts";

const RecordSchema = v.object({
  schemaVersion: v.literal(1),
  /** As it was asked for, in full: `docker.io/library/nginx:latest`, `name:tag@digest`. */
  reference: v.string(),
  /** What the tag stood for when it was last checked: an index's digest, or a manifest's. */
  digest: DigestSchema,
  mediaType: v.string(),
  /** The digest of the chosen platform's manifest, equal to `digest` where there is no index. */
  manifestDigest: DigestSchema,
  platform: v.optional(PlatformSchema),
  /** Every platform of the index was pulled, not just the chosen one. */
  allPlatforms: v.optional(v.boolean()),
  /** Foreign layers were fetched too. */
  foreign: v.optional(v.boolean()),
  /** When its content was last fetched or changed. RFC 3339. */
  pulledAt: TimeSchema,
  /** When the registry last confirmed it. RFC 3339. */
  checkedAt: TimeSchema,
});

/** The file `record.json`: what an entry is, where from, when. Only entries that larder pulled have one. */
export type EntryRecord = v.InferOutput<typeof RecordSchema>;

/** Reads a record; undefined for one that is broken, which counts as none and is written anew. */
export function parseEntryRecord(text: string): EntryRecord | undefined {
  return parseJson(RecordSchema, text);
}

export function formatEntryRecord(record: EntryRecord): string {
  return JSON.stringify(record, null, 2) + "\n";
}
