import { join } from "node:path";
import { LarderError } from "../base/errors.ts";
import { ensureFolder, readTextIfAny, syncFolder, writeFileAtomic } from "../base/files.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { parseBuildRecord } from "../store/entries/build_record.ts";
import { packageName, parsePackageRecord } from "../store/entries/package_record.ts";
import { isNewerFormat } from "../store/json.ts";
import { type Layout, RECORD_FILE } from "../store/layout.ts";
import { badBundle } from "./bundle_errors.ts";
import type { PlannedRecord } from "./import_plan.ts";

/** A package or build to import, whose record is valid. */
export interface NamedRecord {
  readonly type: "package" | "build";
  readonly name: string;
  readonly digest: Digest;
  readonly file: Descriptor;
  readonly text: string;
  readonly folderIn: (layout: Layout) => string;
}

/**
 * Checks the record of a package or build against its file.
 * @throws LarderError LDR_BAD_BUNDLE
 */
export function readRecord(
  path: string,
  { type, label, record, file }: PlannedRecord,
): NamedRecord {
  const named = type === "package" ? packageOf(record) : buildOf(record);
  if (!named) {
    const reason = isNewerFormat(record)
      ? `a newer larder wrote the record of the ${type} ${label}`
      : `the record of the ${type} ${label} is not valid`;
    throw badBundle(path, reason);
  }
  const { digest, size, mediaType } = named.file;
  if (digest !== file.digest || size !== file.size || mediaType !== file.mediaType) {
    throw badBundle(path, `the record of ${named.name} is not that of its file`);
  }
  return { ...named, type, text: record, digest, file: { digest, size, mediaType } };
}

type Identity = Pick<NamedRecord, "name" | "folderIn"> & { readonly file: Descriptor };

function packageOf(text: string): Identity | undefined {
  const record = parsePackageRecord(text);
  if (!record) return undefined;
  const { source, name, version, arch } = record;
  return {
    name: packageName(record),
    file: record,
    folderIn: (layout) => layout.packageFolder(source, name, version, arch),
  };
}

function buildOf(text: string): Identity | undefined {
  const record = parseBuildRecord(text);
  if (!record) return undefined;
  const { name, specification } = record;
  return {
    name: `${name}@${specification}`,
    file: record,
    folderIn: (layout) => layout.buildFolder(specification),
  };
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
