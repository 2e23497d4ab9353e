import * as v from "valibot";
import { DigestSchema } from "../oci/descriptor.ts";
import { PlatformSchema } from "../oci/platform.ts";

/** RFC 3339. */
export const TimeSchema = v.pipe(
  v.string(),
  v.check((text) => !Number.isNaN(Date.parse(text)), "not a time"),
);

/** Reads a JSON document of this form; undefined for anything else. */
export function parseJson<T extends v.GenericSchema>(
  schema: T,
  text: string,
): v.InferOutput<T> | undefined {
  try {
    const result = v.safeParse(schema, JSON.parse(text));
    return result.success ? result.output : undefined;
  } catch {
    return undefined;
  }
}

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
export function parseRecord(text: string): EntryRecord | undefined {
  return parseJson(RecordSchema, text);
}

const LaterSchema = v.object({ schemaVersion: v.pipe(v.number(), v.minValue(2)) });

/** Whether a record of any kind, which cannot be read here, is one that a later larder wrote. */
export function isLaterRecord(text: string): boolean {
  return parseJson(LaterSchema, text) !== undefined;
}

export function formatRecord(record: EntryRecord): string {
  return JSON.stringify(record, null, 2) + "\n";
}
