import * as v from "valibot";
import { DescriptorSchema, DigestSchema } from "../../oci/descriptor.ts";
import { parseJson, TimeSchema } from "../json.ts";

const { mediaType, digest, size } = DescriptorSchema.entries;

const ImageRecordSchema = v.object({
  schemaVersion: v.literal(1),
  /** What its builder calls it. Images of one name are told apart by their specification. */
  name: v.pipe(v.string(), v.nonEmpty()),
  /** The digest of all that went into the build. */
  specification: DigestSchema,
  /** The image file, which is a blob. */
  mediaType,
  digest,
  size,
  /** When it was built. RFC 3339. */
  createdAt: TimeSchema,
});

/** The file `record.json` of an image that was built. Its mtime is the last use. */
export type ImageRecord = v.InferOutput<typeof ImageRecordSchema>;

/** Reads a record; undefined for one that is broken, which counts as none. */
export function parseImageRecord(text: string): ImageRecord | undefined {
  return parseJson(ImageRecordSchema, text);
}
