import { join } from "node:path";
import { LarderError } from "../../base/errors.ts";
import { readTextIfAny } from "../../base/files/files.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { digestOf } from "../../oci/hash.ts";
import { OCI_MANIFEST } from "../../oci/media_types.ts";
import type { SnapshotEntry } from "../../snapshot/types.ts";
import { BlobStore } from "../../store/blobs/blob_store.ts";
import { keyBlobOf, parseBuildRecord } from "../../store/entries/build_record.ts";
import { parsePackageRecord } from "../../store/entries/package_record.ts";
import { type Layout, RECORD_FILE } from "../../store/layout.ts";
import type { EntryContent, StoredBlob } from "./entry_content.ts";
import { ANNOTATIONS } from "../layout_format.ts";

/**
 * Media types of the records of packages and builds. In a layout, each is an OCI artifact: its config is the record, its
 * first layer the file, and its second one the key document of a build, if it has one.
 */
const RECORD_TYPES = {
  package: "application/vnd.larder.package.v1+json",
  build: "application/vnd.larder.build.v1+json",
} as const;

/** Returns the type of entry whose record has this media type. */
export function recordTypeOf(mediaType: string): keyof typeof RECORD_TYPES | undefined {
  return mediaType === RECORD_TYPES.package
    ? "package"
    : mediaType === RECORD_TYPES.build
    ? "build"
    : undefined;
}

const encoder = new TextEncoder();

/**
 * Returns a package or build as an OCI artifact.
 * @throws LarderError LDR_NOT_CACHED if its record or file is missing or damaged
 */
export function recordContent(layout: Layout, entry: SnapshotEntry): EntryContent {
  const text = readTextIfAny(join(entry.folder, RECORD_FILE)) ?? "";
  const type = entry.type as keyof typeof RECORD_TYPES;
  const config = encoder.encode(text);
  const configType = RECORD_TYPES[type];
  const blobs = [fileOf(layout, entry), ...keyOf(layout, entry, text)];
  const document = encoder.encode(JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    artifactType: configType,
    config: { mediaType: configType, digest: digestOf(config), size: config.length },
    layers: blobs.map(({ descriptor: { mediaType, digest, size } }) => ({
      mediaType,
      digest,
      size,
    })),
  }));
  const manifest = { digest: digestOf(document), bytes: document };
  return {
    name: entry.name,
    root: {
      mediaType: OCI_MANIFEST,
      artifactType: configType,
      digest: manifest.digest,
      size: document.length,
      annotations: { [ANNOTATIONS.entry]: entry.name },
    },
    documents: [manifest, { digest: digestOf(config), bytes: config }],
    blobs,
  };
}

/**
 * Returns the file of a package or build.
 * @throws LarderError LDR_NOT_CACHED if its record or file is missing or damaged
 */
export function fileOf(layout: Layout, { type, name, folder }: SnapshotEntry): StoredBlob {
  const text = readTextIfAny(join(folder, RECORD_FILE)) ?? "";
  const record = type === "package" ? parsePackageRecord(text) : parseBuildRecord(text);
  if (!record) throw notWhole(name, "its record");
  const { mediaType, digest, size } = record;
  const descriptor: Descriptor = { mediaType, digest, size };
  const path = new BlobStore(layout).find(descriptor);
  if (!path) throw notWhole(name, digest);
  return { descriptor, path };
}

/** Returns the key document of a build, if it has one: `larder build --explain` compares it with that of another. */
function keyOf(layout: Layout, { type, name }: SnapshotEntry, text: string): StoredBlob[] {
  const record = type === "build" ? parseBuildRecord(text) : undefined;
  const key = record && keyBlobOf(record);
  if (!key) return [];
  const path = new BlobStore(layout).find(key);
  if (!path) throw notWhole(name, key.digest);
  return [{ descriptor: key, path }];
}

/** True if the file of a build is a program. */
export function isProgram({ type, folder }: SnapshotEntry): boolean {
  const text = readTextIfAny(join(folder, RECORD_FILE)) ?? "";
  return type === "build" && parseBuildRecord(text)?.executable === true;
}

function notWhole(name: string, what: string): LarderError {
  const message = `${name} is not complete in the cache: ${what} is missing or damaged`;
  return new LarderError("LDR_NOT_CACHED", message, {
    hint: "larder verify --repair removes what cannot be repaired; then fetch or build it again",
  });
}
