import * as v from "valibot";
import { formatJson } from "../../base/json.ts";
import { type Descriptor, DescriptorSchema, DigestSchema } from "../../oci/descriptor.ts";
import { parseJson, TimeSchema } from "../json.ts";

const { mediaType, digest, size } = DescriptorSchema.entries;

/** Media type of a key document. */
export const KEY_TYPE = "application/vnd.larder.build.key.v1+json";

/** Form of the name of a build: one line, and no path, pattern or digest. */
export const BUILD_NAME = /^[A-Za-z0-9][\w.+-]{0,127}$/;

const BuildRecordSchema = v.object({
  schemaVersion: v.literal(1),
  /** The name that its builder gave it. Several builds can have one name; their specifications differ. */
  name: v.pipe(v.string(), v.regex(BUILD_NAME)),
  /** Digest of everything that the build depends on: of its key document, which is a blob too. */
  specification: DigestSchema,
  /** Bytes of the key document; absent if another program stored the build without it. */
  specificationSize: v.optional(size),
  /** Descriptor of the file that was built, which is a blob. */
  mediaType,
  digest,
  size,
  /** True if the file is a program, and gets the permission to be run where it is put. */
  executable: v.optional(v.boolean()),
  /** Milliseconds that the command took. */
  duration: v.optional(v.pipe(v.number(), v.finite(), v.minValue(0))),
  /** When it was built. RFC 3339. */
  createdAt: TimeSchema,
});

/** The file `record.json` of a build. Its mtime is the last use. */
export type BuildRecord = v.InferOutput<typeof BuildRecordSchema>;

/** Returns the name of a build as an entry: `name@specification`. */
export function buildName({ name, specification }: Pick<BuildRecord, "name" | "specification">) {
  return `${name}@${specification}`;
}

/** Returns the descriptor of the key document of a build; undefined if it has none. */
export function keyBlobOf(
  { specification, specificationSize }: BuildRecord,
): Descriptor | undefined {
  if (specificationSize === undefined) return undefined;
  return { mediaType: KEY_TYPE, digest: specification, size: specificationSize };
}

/** Parses a record; returns undefined for an invalid one, which counts as missing. */
export function parseBuildRecord(text: string): BuildRecord | undefined {
  return parseJson(BuildRecordSchema, text);
}

export function formatBuildRecord(record: BuildRecord): string {
  return formatJson(record);
}
