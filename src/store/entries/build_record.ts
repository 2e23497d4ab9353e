import * as v from "valibot";
import { DescriptorSchema, DigestSchema } from "../../oci/descriptor.ts";
import { parseJson, TimeSchema } from "../json.ts";

const { mediaType, digest, size } = DescriptorSchema.entries;

const BuildRecordSchema = v.object({
  schemaVersion: v.literal(1),
  /** The name that its builder gave it. Several builds can have one name; their specifications differ. */
  name: v.pipe(v.string(), v.nonEmpty()),
  /** Digest of everything that the build depends on. */
  specification: DigestSchema,
  /** Descriptor of the file that was built, which is a blob. */
  mediaType,
  digest,
  size,
  /** When it was built. RFC 3339. */
  createdAt: TimeSchema,
});

/** The file `record.json` of a build. Its mtime is the last use. */
export type BuildRecord = v.InferOutput<typeof BuildRecordSchema>;

/** Parses a record; returns undefined for an invalid one, which counts as missing. */
export function parseBuildRecord(text: string): BuildRecord | undefined {
  return parseJson(BuildRecordSchema, text);
}
