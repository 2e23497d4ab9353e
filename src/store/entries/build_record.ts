import * as v from "valibot";
import { DescriptorSchema, DigestSchema } from "../../oci/descriptor.ts";
import { parseJson, TimeSchema } from "../json.ts";

const { mediaType, digest, size } = DescriptorSchema.entries;

const BuildRecordSchema = v.object({
  schemaVersion: v.literal(1),
  /** The builder's name for it. Builds of one name differ in their specification. */
  name: v.pipe(v.string(), v.nonEmpty()),
  /** The digest of everything that went into the build. */
  specification: DigestSchema,
  /** The file that was built, which is a blob. */
  mediaType,
  digest,
  size,
  /** When it was built. RFC 3339. */
  createdAt: TimeSchema,
});

/** The file `record.json` of a build. Its mtime is the last use. */
export type BuildRecord = v.InferOutput<typeof BuildRecordSchema>;

/** Reads a record; undefined for one that is damaged, which counts as none. */
export function parseBuildRecord(text: string): BuildRecord | undefined {
  return parseJson(BuildRecordSchema, text);
}
