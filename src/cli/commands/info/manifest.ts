import { dirname, join } from "node:path";
import { readBytesIfAny, statIfAny } from "../../../base/files.ts";
import type { CacheSnapshot, SnapshotEntry } from "../../../snapshot/types.ts";
import type { Descriptor, PlatformDescriptor } from "../../../oci/descriptor.ts";
import type { Digest } from "../../../oci/digest.ts";
import {
  type Manifest,
  parseManifest,
  spinApplicationLayer,
  successors,
} from "../../../oci/manifest.ts";
import { formatPlatform, isAttestation } from "../../../oci/platform.ts";
import { CONFIG_FILE, MANIFEST_FILE } from "../../../store/layout.ts";

/** The config or a layer of an image, and where it is. */
export interface PartInfo {
  readonly kind: "config" | "layer";
  readonly digest: Digest;
  readonly mediaType: string;
  /** Bytes, as the manifest says. */
  readonly size: number;
  readonly annotations: Readonly<Record<string, string>>;
  /** Where it lies; null if it is not in the cache. */
  readonly path: string | null;
  /** The names of the other entries that need it. */
  readonly sharedWith: readonly string[];
}

/** One entry of an index. */
export interface PlatformInfo {
  /** `linux/amd64`; null where the index does not say, and for build metadata. */
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
  /** Config first; none of an index. */
  readonly parts: readonly PartInfo[];
  /** None of an image. */
  readonly platforms: readonly PlatformInfo[];
}

/**
 * Reads the manifest in a folder; null if it is missing or damaged.
 * @param but the entry that is not to be named among those that share
 */
export function inspectManifest(
  snapshot: CacheSnapshot,
  folder: string,
  but?: SnapshotEntry,
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
  const sharers = sharersOf(snapshot, successors(manifest).map(({ digest }) => digest), but);
  const locked = spinApplicationLayer(manifest);
  const part = (kind: PartInfo["kind"]) => (descriptor: Descriptor): PartInfo => ({
    kind,
    digest: descriptor.digest,
    mediaType: descriptor.mediaType,
    size: descriptor.size,
    annotations: descriptor.annotations ?? {},
    // Spin's locked app is no blob: it is what `config.json` holds.
    path: descriptor === locked
      ? presentFile(join(folder, CONFIG_FILE), descriptor.size)
      : pathOf(snapshot, descriptor.digest),
    sharedWith: sharers.get(descriptor.digest)!,
  });
  return {
    ...base,
    parts: [...[manifest.config].map(part("config")), ...manifest.layers.map(part("layer"))],
    platforms: [],
  };
}

/** Who needs each of some digests: the names of entries, in their order. @param but one that is left out */
export function sharersOf(
  snapshot: CacheSnapshot,
  digests: readonly Digest[],
  but?: SnapshotEntry,
): ReadonlyMap<Digest, readonly string[]> {
  const wanted = new Map(
    digests.flatMap((digest) =>
      snapshot.contentIndex.blobIds(digest).map((place) => [place, digest] as const)
    ),
  );
  const sharers = new Map<Digest, Set<string>>(digests.map((digest) => [digest, new Set()]));
  for (const entry of snapshot.entries) {
    if (entry === but) continue;
    for (const place of entry.references) {
      const digest = wanted.get(place);
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

/** Where a blob lies; null if it is not in the cache. */
export function pathOf(snapshot: CacheSnapshot, digest: Digest): string | null {
  const [place] = snapshot.contentIndex.blobIds(digest);
  return place === undefined ? null : snapshot.contents[place]!.path;
}

function presentFile(path: string, size: number): string | null {
  return statIfAny(path)?.size === size ? path : null;
}

/** The manifest in a folder; undefined if it is missing or damaged. */
export function readManifest(folder: string): Manifest | undefined {
  const bytes = readBytesIfAny(join(folder, MANIFEST_FILE));
  try {
    return bytes && parseManifest(bytes, folder);
  } catch {
    return undefined; // The entry's own problem says so.
  }
}
