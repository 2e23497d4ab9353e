import * as v from "valibot";
import { DescriptorSchema } from "../../oci/descriptor.ts";
import { parseJson, TimeSchema } from "../json.ts";
import { isPathPart } from "../layout.ts";

const { mediaType, digest, size } = DescriptorSchema.entries;

/** A part of the path that the record lies at. */
const PathPart = v.pipe(v.string(), v.check(isPathPart, "cannot be a name in the cache"));

const PackageRecordSchema = v.object({
  schemaVersion: v.literal(1),
  /** Where it comes from, as the package manager names it (a repository's URL, with its suite and component), or `url`. */
  source: PathPart,
  name: PathPart,
  version: PathPart,
  arch: PathPart,
  /** The package file, which is a blob. */
  mediaType,
  digest,
  size,
  /** When it was fetched. RFC 3339. */
  createdAt: TimeSchema,
});

/** The file `record.json` of a package. Its mtime is the last use. */
export type PackageRecord = v.InferOutput<typeof PackageRecordSchema>;

/** What tells a package from all others. */
export type PackageId = Pick<PackageRecord, "source" | "name" | "version" | "arch">;

/** A package's name as an entry: `source/name/version/arch`. */
export function packageName({ source, name, version, arch }: PackageId): string {
  return [source, name, version, arch].join("/");
}

/** Reads a record; undefined for one that is broken, which counts as none. */
export function parsePackageRecord(text: string): PackageRecord | undefined {
  return parseJson(PackageRecordSchema, text);
}

export function formatPackageRecord(record: PackageRecord): string {
  return JSON.stringify(record, null, 2) + "\n";
}
