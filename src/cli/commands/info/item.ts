import { dirname, join } from "node:path";
import type { Digest } from "../../../oci/digest.ts";
import type { Content } from "../../../snapshot/file_state.ts";
import { type CacheSnapshot, isFromRegistry, type SnapshotEntry } from "../../../snapshot/types.ts";
import type { KeyDocument } from "../../../builds/key/key.ts";
import { keyDocumentOf } from "./build_key.ts";
import { inspectManifest, type ManifestInfo, sharersOf } from "./manifest.ts";
import { type InfoField, recordFields } from "./record_fields.ts";
import { inspectSpin, type SpinInspection } from "./spin.ts";

/** The manifests of an app or image. */
export interface AppInfo extends SpinInspection {
  /** The index, if the reference names one and it is cached. */
  readonly index: ManifestInfo | null;
  /** The manifest of the chosen platform; null if it is missing or damaged. */
  readonly manifest: ManifestInfo | null;
}

/** A file of a package, a build or compiled code. */
export interface FileInfo {
  readonly digest: Digest;
  readonly size: number;
  readonly path: string;
  readonly sharedWith: readonly string[];
}

/** The details of an entry. */
export interface EntryInfo {
  readonly entry: SnapshotEntry;
  /** Undefined unless the entry is from a registry. */
  readonly app: AppInfo | undefined;
  /** Empty for an entry from a registry. */
  readonly files: readonly FileInfo[];
  /** What the record of a package or build says. */
  readonly fieldsOfRecord: readonly InfoField[];
  /** What decided the result of a build; null for another entry. */
  readonly key: KeyDocument | null;
}

/** The details of a manifest or blob. */
export interface ContentInfo {
  readonly type: "manifest" | "blob";
  readonly digest: Digest;
  /** From a cached manifest that lists the blob; null if there is none. */
  readonly mediaType: string | null;
  readonly files: readonly Content[];
  /** The names of the entries that need it. */
  readonly neededBy: readonly string[];
  readonly manifest: ManifestInfo | null;
}

export function inspectEntry(snapshot: CacheSnapshot, entry: SnapshotEntry): EntryInfo {
  if (isFromRegistry(entry.type)) {
    const app = inspectApp(snapshot, entry);
    return { entry, app, files: [], fieldsOfRecord: [], key: null };
  }
  const contents = entry.references.map((index) => snapshot.contents[index]!);
  const sharers = sharersOf(snapshot, contents.map(({ digest }) => digest), entry);
  const files = contents.map(({ digest, size, path }) => ({
    digest,
    size,
    path,
    sharedWith: sharers.get(digest)!,
  }));
  const key = keyDocumentOf(snapshot, entry);
  return { entry, app: undefined, files, fieldsOfRecord: recordFields(entry, key), key };
}

/** @param contents all copies of the manifest or blob in the cache */
export function inspectContent(
  snapshot: CacheSnapshot,
  digest: Digest,
  contents: readonly Content[],
): ContentInfo {
  const indices = new Set(contents.map((content) => snapshot.contents.indexOf(content)));
  const needing = snapshot.entries.filter(({ references }) =>
    references.some((index) => indices.has(index))
  );
  const folder = contents.find(({ tree }) => tree === "manifests")?.path;
  const manifest = folder === undefined ? null : inspectManifest(snapshot, folder);
  return {
    type: folder === undefined ? "blob" : "manifest",
    digest,
    mediaType: manifest?.mediaType ?? mediaTypeOf(snapshot, digest, needing),
    files: contents,
    neededBy: needing.map(({ name }) => name),
    manifest,
  };
}

function mediaTypeOf(
  snapshot: CacheSnapshot,
  digest: Digest,
  needing: readonly SnapshotEntry[],
): string | null {
  const app = needing.find(({ type }) => isFromRegistry(type));
  const parts = app && inspectApp(snapshot, app).manifest?.parts;
  return parts?.find((part) => part.digest === digest)?.mediaType ?? null;
}

function inspectApp(snapshot: CacheSnapshot, entry: SnapshotEntry): AppInfo {
  const { record, folder, name } = entry;
  const sibling = (digest: Digest) => join(dirname(folder), snapshot.layout.fileName(digest));
  // An entry that Spin wrote has only its own folder.
  const chosen = record ? sibling(record.manifestDigest) : folder;
  const hasIndex = record !== undefined && record.digest !== record.manifestDigest;
  return {
    index: hasIndex ? inspectManifest(snapshot, sibling(record.digest), entry) : null,
    manifest: inspectManifest(snapshot, chosen, entry),
    ...inspectSpin(snapshot, chosen, name),
  };
}
