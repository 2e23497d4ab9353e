import { dirname, join } from "node:path";
import { readBytesIfAny, statIfAny } from "../../../base/files/files.ts";
import type { Descriptor, PlatformDescriptor } from "../../../oci/descriptor.ts";
import type { Digest } from "../../../oci/digest.ts";
import {
  type Manifest,
  parseManifest,
  spinApplicationLayer,
  successors,
} from "../../../oci/manifest.ts";
import { formatPlatform, isAttestation } from "../../../oci/platform.ts";
import type { CacheSnapshot, SnapshotEntry } from "../../../snapshot/types.ts";
import { CONFIG_FILE, MANIFEST_FILE } from "../../../store/layout.ts";

/** The config or a layer of an image. */
export interface PartInfo {
  readonly kind: "config" | "layer";
  readonly digest: Digest;
  readonly mediaType: string;
  /** Bytes, according to the manifest. */
  readonly size: number;
  readonly annotations: Readonly<Record<string, string>>;
  /** Null if it is not cached. */
  readonly path: string | null;
  /** The names of the other entries that need it. */
  readonly sharedWith: readonly string[];
}

/** A manifest that an index lists. */
export interface PlatformInfo {
  /** `linux/amd64`; null if the index has none, and for attestations. */
  readonly platform: string | null;
  readonly digest: Digest;
  /** Bytes of the manifest. */
  readonly size: number;
  readonly isCached: boolean;
}

/** A manifest or index. */
export interface ManifestInfo {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly path: string;
  readonly annotations: Readonly<Record<string, string>>;
  /** Config first; empty for an index. */
  readonly parts: readonly PartInfo[];
  /** Empty for an image. */
  readonly platforms: readonly PlatformInfo[];
}

/**
 * Reads the manifest in a folder; null if it is missing or damaged.
 * @param exclude the entry to leave out of `sharedWith`
 */
export function inspectManifest(
  snapshot: CacheSnapshot,
  folder: string,
  exclude?: SnapshotEntry,
): ManifestInfo | null {
  const manifest = readManifest(folder);
  if (!manifest) return null;
  const { digest, mediaType, annotations } = manifest;
  const base = { digest, mediaType, path: folder, annotations };
  if (manifest.kind === "index") {
    return {
      ...base,
      parts: [],
      platforms: manifest.manifests.map(platformInfo(snapshot, folder)),
    };
  }
  const sharers = sharersOf(snapshot, successors(manifest).map(({ digest }) => digest), exclude);
  const locked = spinApplicationLayer(manifest);
  const part = (kind: PartInfo["kind"]) => (descriptor: Descriptor): PartInfo => ({
    kind,
    digest: descriptor.digest,
    mediaType: descriptor.mediaType,
    size: descriptor.size,
    annotations: descriptor.annotations ?? {},
    // Spin's locked app is stored as `config.json`, not as a blob.
    path: descriptor === locked
      ? pathIfPresent(join(folder, CONFIG_FILE), descriptor.size)
      : pathOf(snapshot, descriptor.digest),
    sharedWith: sharers.get(descriptor.digest)!,
  });
  return {
    ...base,
    parts: [part("config")(manifest.config), ...manifest.layers.map(part("layer"))],
    platforms: [],
  };
}

/** Returns the names of the entries that need each digest, in the order of the snapshot. */
export function sharersOf(
  snapshot: CacheSnapshot,
  digests: readonly Digest[],
  exclude?: SnapshotEntry,
): ReadonlyMap<Digest, readonly string[]> {
  const wanted = new Map(
    digests.flatMap((digest) =>
      snapshot.contentIndex.blobIds(digest).map((index) => [index, digest] as const)
    ),
  );
  const sharers = new Map<Digest, Set<string>>(digests.map((digest) => [digest, new Set()]));
  for (const entry of snapshot.entries) {
    if (entry === exclude) continue;
    for (const index of entry.references) {
      const digest = wanted.get(index);
      if (digest) sharers.get(digest)!.add(entry.name);
    }
  }
  return new Map([...sharers].map(([digest, names]) => [digest, [...names]]));
}

function platformInfo(snapshot: CacheSnapshot, folder: string) {
  return (entry: PlatformDescriptor): PlatformInfo => ({
    platform: entry.platform && !isAttestation(entry) ? formatPlatform(entry.platform) : null,
    digest: entry.digest,
    size: entry.size,
    isCached: statIfAny(
      join(dirname(folder), snapshot.layout.fileName(entry.digest), MANIFEST_FILE),
    ) !== undefined,
  });
}

/** Returns the path of a blob; null if it is not cached. */
export function pathOf(snapshot: CacheSnapshot, digest: Digest): string | null {
  const [index] = snapshot.contentIndex.blobIds(digest);
  return index === undefined ? null : snapshot.contents[index]!.path;
}

function pathIfPresent(path: string, size: number): string | null {
  return statIfAny(path)?.size === size ? path : null;
}

/** Reads the manifest in a folder; undefined if it is missing, unreadable or damaged. */
export function readManifest(folder: string): Manifest | undefined {
  try {
    const bytes = readBytesIfAny(join(folder, MANIFEST_FILE));
    return bytes && parseManifest(bytes, folder);
  } catch {
    return undefined; // The snapshot reports it as the entry's problem.
  }
}
