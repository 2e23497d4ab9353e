import * as v from "valibot";
import { formatJson } from "../../base/json.ts";
import { DescriptorSchema, DigestSchema } from "../../oci/descriptor.ts";
import { parseJson, TimeSchema } from "../json.ts";
import { isPathPart } from "../layout.ts";

const { mediaType, digest, size } = DescriptorSchema.entries;

/** A text that becomes one folder in the path of the record. */
const PathPart = v.pipe(v.string(), v.check(isPathPart, "cannot be a name in the cache"));

const PackageRecordSchema = v.object({
  schemaVersion: v.literal(1),
  /** The source as the package manager names it (the URL of a repository, with suite and component), or `url`. */
  source: PathPart,
  name: PathPart,
  version: PathPart,
  arch: PathPart,
  /** Descriptor of the package file, which is a blob. */
  mediaType,
  digest,
  size,
  /** When it was fetched. RFC 3339. */
  createdAt: TimeSchema,
  /** Where it was fetched from, without credentials. */
  url: v.optional(v.string()),
  /** Name of the file that package managers expect. */
  fileName: v.optional(v.string()),
  /** Digest of the signed index that vouched for the digest. */
  vouchedBy: v.optional(DigestSchema),
});

/** The file `record.json` of a package. Its mtime is the last use. */
export type PackageRecord = v.InferOutput<typeof PackageRecordSchema>;

/** Identifies a package. */
export type PackageId = Pick<PackageRecord, "source" | "name" | "version" | "arch">;

/** Returns the name of a package as an entry: `source/name/version/arch`. */
export function packageName({ source, name, version, arch }: PackageId): string {
  return [source, name, version, arch].join("/");
}

/** Parses a record; returns undefined for an invalid one, which counts as missing. */
export function parsePackageRecord(text: string): PackageRecord | undefined {
  return parseJson(PackageRecordSchema, text);
}

export function formatPackageRecord(record: PackageRecord): string {
  return formatJson(record);
}
