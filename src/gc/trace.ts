import { dirname, join } from "node:path";
import { hasCode } from "../base/errors.ts";
import type { Digest } from "../oci/digest.ts";
import type { LockedApp } from "../oci/locked_app.ts";
import {
  type ImageManifest,
  type Manifest,
  MAX_INDEX_DEPTH,
  spinApplication,
} from "../oci/manifest.ts";
import { SPIN_ARCHIVE } from "../oci/media_types.ts";
import { formatPlatform } from "../oci/platform.ts";
import { ManifestReader } from "../snapshot/manifest_reader.ts";
import { type CacheSnapshot, isFromRegistry, type SnapshotEntry } from "../snapshot/types.ts";

/** One step on the way from an entry to content that it needs. */
export interface PathStep {
  readonly kind: "index" | "manifest" | "config" | "layer" | "module" | "file";
  readonly digest: Digest;
  /** A platform, a media type, or the path of a file in an app. */
  readonly note: string | undefined;
}

/**
 * Returns the steps from an entry to content with a digest, through the manifests and the locked app that name it.
 * @returns undefined if none of these leads to it
 */
export function tracePath(
  snapshot: CacheSnapshot,
  entry: SnapshotEntry,
  target: Digest,
): PathStep[] | undefined {
  if (!isFromRegistry(entry.type)) {
    const kind = entry.type === "compiled" ? "file" : "layer";
    const isOwn = entry.references.some((id) => snapshot.contents[id]!.digest === target);
    return isOwn ? [{ kind, digest: target, note: undefined }] : undefined;
  }
  try {
    return new PathFinder(snapshot, entry, target).find();
  } catch (error) {
    if (hasCode(error, "LDR_PERMISSION", "LDR_DISK")) return undefined;
    throw error;
  }
}

class PathFinder {
  readonly #snapshot: CacheSnapshot;
  readonly #entry: SnapshotEntry;
  readonly #target: Digest;
  readonly #reader = new ManifestReader();
  /** Manifests without a path to the target: an index can name one many times. */
  readonly #seen = new Set<Digest>();

  constructor(snapshot: CacheSnapshot, entry: SnapshotEntry, target: Digest) {
    this.#snapshot = snapshot;
    this.#entry = entry;
    this.#target = target;
  }

  find(): PathStep[] | undefined {
    const { folder, record } = this.#entry;
    if (!record) return this.#inManifest(this.#reader.manifest(folder).value, folder);
    return this.#fromDigest(record.digest) ?? this.#fromDigest(record.manifestDigest);
  }

  #fromDigest(digest: Digest, note?: string, depth = 0): PathStep[] | undefined {
    const folder = join(dirname(this.#entry.folder), this.#snapshot.layout.fileName(digest));
    const { value } = this.#reader.manifest(folder, digest);
    const kind = value?.kind === "index" ? "index" : "manifest";
    const step = { kind, digest, note } as const;
    if (digest === this.#target) return [step];
    const rest = depth > MAX_INDEX_DEPTH ? undefined : this.#inManifest(value, folder, depth);
    return rest && [step, ...rest];
  }

  #inManifest(manifest: Manifest | undefined, folder: string, depth = 0): PathStep[] | undefined {
    if (manifest?.kind === "image") return this.#inImage(manifest, folder);
    for (const { digest, platform } of manifest?.manifests ?? []) {
      if (this.#seen.has(digest)) continue;
      this.#seen.add(digest);
      const path = this.#fromDigest(digest, platform && formatPlatform(platform), depth + 1);
      if (path) return path;
    }
    return undefined;
  }

  #inImage(image: ImageManifest, folder: string): PathStep[] | undefined {
    const digest = this.#target;
    if (image.config.digest === digest) {
      return [{ kind: "config", digest, note: image.config.mediaType }];
    }
    const layer = image.layers.find((each) => each.digest === digest);
    if (layer) return [{ kind: "layer", digest, note: layer.mediaType }];
    const app = spinApplication(image) && this.#reader.lockedApp(folder).value;
    return (app && this.#inApp(app, image)) ?? this.#inArchive(image);
  }

  /** Finds what was unpacked from an archive and no locked app names. */
  #inArchive(image: ImageManifest): PathStep[] | undefined {
    const { contents, archivesOf, contentIndex } = this.#snapshot;
    const ids = contentIndex.blobIds(this.#target).flatMap((id) => archivesOf.get(id) ?? []);
    const digests = new Set(ids.map((id) => contents[id]!.digest));
    const archive = image.layers.find((layer) => digests.has(layer.digest));
    return archive && [
      { kind: "layer", digest: archive.digest, note: archive.mediaType },
      { kind: "file", digest: this.#target, note: "unpacked from the archive" },
    ];
  }

  /** Finds what only the locked app names, such as a file that was unpacked from an archive. */
  #inApp(app: LockedApp, image: ImageManifest): PathStep[] | undefined {
    for (const { id, source, files } of app.components) {
      if (source.digest === this.#target) {
        return [{ kind: "module", digest: this.#target, note: `of the component ${id}` }];
      }
      const file = files.find((each) => each.digest === this.#target);
      if (!file) continue;
      const archives = image.layers.filter(({ mediaType }) => mediaType === SPIN_ARCHIVE);
      const unpacked = archives.length > 0 ? ", unpacked from an archive" : "";
      const note = `${file.path} of the component ${id}${unpacked}`;
      return [{ kind: "file", digest: this.#target, note }];
    }
    return undefined;
  }
}
