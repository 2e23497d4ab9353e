import { join } from "node:path";
import { LarderError } from "../../base/errors.ts";
import { writeFileAtomic } from "../../base/files/atomic_write.ts";
import { ensureFolder, readTextIfAny, syncFolder } from "../../base/files/files.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import { buildName, keyBlobOf, parseBuildRecord } from "../../store/entries/build_record.ts";
import { packageName, parsePackageRecord } from "../../store/entries/package_record.ts";
import { isNewerFormat } from "../../store/json.ts";
import { type Layout, RECORD_FILE } from "../../store/layout.ts";
import { badBundle } from "../read/bundle_errors.ts";
import type { PlannedRecord } from "../import_plan.ts";

/** A package or build to import, whose record is valid. */
export interface NamedRecord {
  readonly type: "package" | "build";
  readonly name: string;
  /** Of the file. */
  readonly digest: Digest;
  /** The file, and the key document of a build. */
  readonly blobs: readonly Descriptor[];
  readonly text: string;
  readonly folderIn: (layout: Layout) => string;
}

/**
 * Checks the record of a package or build against its file.
 * @throws LarderError LDR_BAD_BUNDLE
 */
export function readRecord(
  path: string,
  { type, label, record, blobs }: PlannedRecord,
): NamedRecord {
  const named = type === "package" ? packageOf(record) : buildOf(record);
  if (!named) {
    const reason = isNewerFormat(record)
      ? `a newer larder wrote the record of the ${type} ${label}`
      : `the record of the ${type} ${label} is not valid`;
    throw badBundle(path, reason);
  }
  for (const own of named.blobs) {
    if (!blobs.some((other) => isSame(own, other))) {
      throw badBundle(path, `the bundle does not name ${own.digest}, which ${named.name} needs`);
    }
  }
  return { ...named, type, text: record, digest: named.blobs[0]!.digest };
}

function isSame(one: Descriptor, other: Descriptor): boolean {
  return one.digest === other.digest && one.size === other.size &&
    one.mediaType === other.mediaType;
}

type Identity = Pick<NamedRecord, "name" | "folderIn" | "blobs">;

function packageOf(text: string): Identity | undefined {
  const record = parsePackageRecord(text);
  if (!record) return undefined;
  const { source, name, version, arch } = record;
  return {
    name: packageName(record),
    blobs: [descriptorOf(record)],
    folderIn: (layout) => layout.packageFolder(source, name, version, arch),
  };
}

function buildOf(text: string): Identity | undefined {
  const record = parseBuildRecord(text);
  if (!record) return undefined;
  const { specification } = record;
  const key = keyBlobOf(record);
  return {
    name: buildName(record),
    blobs: [descriptorOf(record), ...key ? [key] : []],
    folderIn: (layout) => layout.buildFolder(specification),
  };
}

function descriptorOf({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}

/** Returns the digest of the file of a record in the cache; undefined if there is no valid record. */
function cachedDigest(layout: Layout, { type, folderIn }: NamedRecord): Digest | undefined {
  const text = readTextIfAny(join(folderIn(layout), RECORD_FILE)) ?? "";
  return (type === "package" ? parsePackageRecord(text) : parseBuildRecord(text))?.digest;
}

/**
 * Refuses a package that the cache has with other content: one of the two is not what its name and version say.
 * @throws LarderError LDR_DIGEST_MISMATCH
 */
export function checkConflict(layout: Layout, record: NamedRecord): void {
  const cached = cachedDigest(layout, record);
  if (record.type !== "package" || cached === undefined || cached === record.digest) return;
  throw new LarderError(
    "LDR_DIGEST_MISMATCH",
    `${record.name} is ${cached} in the cache, and ${record.digest} in the bundle`,
    { hint: `find out which one is right; larder clean ${record.name} removes that of the cache` },
  );
}

/** Writes the record of a package or build whose file is in the store. Returns true if it is new or was another. */
export function publishRecord(layout: Layout, record: NamedRecord): boolean {
  if (cachedDigest(layout, record) === record.digest) return false;
  const folder = record.folderIn(layout);
  ensureFolder(folder);
  writeFileAtomic(join(folder, RECORD_FILE), record.text);
  syncFolder(folder);
  return true;
}
