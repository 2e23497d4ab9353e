import type { Content } from "../../../snapshot/file_state.ts";
import { dirname, join } from "node:path";
import { type CacheSnapshot, isFromRegistry, type SnapshotEntry } from "../../../snapshot/types.ts";
import type { Digest } from "../../../oci/digest.ts";
import { inspectManifest, type ManifestInfo, sharersOf } from "./manifest.ts";
import { inspectSpin, type SpinInspection } from "./spin.ts";

/** What the manifests of an app or image say. */
export interface AppInfo extends SpinInspection {
  /** The index, if the reference stands for one that is in the cache. */
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

/** All there is to say of an entry. */
export interface EntryInfo {
  readonly entry: SnapshotEntry;
  /** Undefined for an entry that is not from a registry. */
  readonly app: AppInfo | undefined;
  /** Of an entry that is not from a registry. */
  readonly files: readonly FileInfo[];
}

/** All there is to say of a manifest or blob. */
export interface ContentInfo {
  readonly type: "manifest" | "blob";
  readonly digest: Digest;
  /** As the manifests that need a blob have it; null if none is there. */
  readonly mediaType: string | null;
  readonly files: readonly Content[];
  /** The names of the entries that need it. */
  readonly neededBy: readonly string[];
  readonly manifest: ManifestInfo | null;
}

/** Looks at all that an entry consists of. */
export function inspectEntry(snapshot: CacheSnapshot, entry: SnapshotEntry): EntryInfo {
  if (isFromRegistry(entry.type)) return { entry, app: inspectApp(snapshot, entry), files: [] };
  const contents = entry.references.map((place) => snapshot.contents[place]!);
  const sharers = sharersOf(snapshot, contents.map(({ digest }) => digest), entry);
  const files = contents.map(({ digest, size, path }) => ({
    digest,
    size,
    path,
    sharedWith: sharers.get(digest)!,
  }));
  return { entry, app: undefined, files };
}

/** Looks at a manifest or blob, which may lie in several places. */
export function inspectContent(
  snapshot: CacheSnapshot,
  digest: Digest,
  contents: readonly Content[],
): ContentInfo {
  const places = new Set(contents.map((content) => snapshot.contents.indexOf(content)));
  const needing = snapshot.entries.filter(({ references }) =>
    references.some((place) => places.has(place))
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

/** Reads what the manifests of an app or image say. */
function inspectApp(snapshot: CacheSnapshot, entry: SnapshotEntry): AppInfo {
  const { record, folder, name } = entry;
  const sibling = (digest: Digest) => join(dirname(folder), snapshot.layout.fileName(digest));
  // Spin's entries have nothing but their own folder.
  const chosen = record ? sibling(record.manifestDigest) : folder;
  const hasIndex = record !== undefined && record.digest !== record.manifestDigest;
  return {
    index: hasIndex ? inspectManifest(snapshot, sibling(record.digest), entry) : null,
    manifest: inspectManifest(snapshot, chosen, entry),
    ...inspectSpin(snapshot, chosen, name),
  };
}
