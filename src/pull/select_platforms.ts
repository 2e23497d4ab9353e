import { LarderError } from "../base/errors.ts";
import type { PlatformDescriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import {
  type ImageManifest,
  type IndexManifest,
  type Manifest,
  MAX_INDEX_DEPTH,
} from "../oci/manifest.ts";
import { choosePlatform, formatPlatform, isAttestation, type Platform } from "../oci/platform.ts";
import type { Reference } from "../oci/reference.ts";
import type { Repository } from "../registry/repository.ts";
import type { ManifestStore } from "../store/manifest_store.ts";

export interface PlatformChoice {
  /** The platform asked for; by default this machine's, then wasi/wasm, then the only one there is. */
  readonly platform?: Platform | undefined;
  readonly allPlatforms?: boolean | undefined;
}

/** A manifest or index, resolved down to image manifests, of which an index may have none. */
export interface ManifestTree {
  /** The manifest or index that the reference names. */
  readonly top: Manifest;
  /** The image that the entry provides for running. */
  readonly chosen: ImageManifest | undefined;
  readonly platform: Platform | undefined;
  /** The images to fetch: the chosen one, or all. */
  readonly images: readonly ImageManifest[];
  /** The indexes on the way to the images, each before those below it: `top` first. */
  readonly indexes: readonly IndexManifest[];
}

/** A tree with an image. */
export interface Selection extends ManifestTree {
  readonly chosen: ImageManifest;
}

/** A reference, named `name` in messages, with the cache and the registry that have its manifests. */
export interface ManifestSource {
  readonly reference: Reference;
  readonly name: string;
  readonly manifests: ManifestStore;
  readonly repository: Repository;
}

/** Loads a child manifest: from the cache, or from the cache and then the registry. */
export type LoadManifest = (digest: Digest) => Promise<Manifest | undefined>;

/**
 * Follows an index to the images that `choice` selects.
 *
 * @param subject names `top` in messages
 * @returns undefined if `load` lacks a manifest
 * @throws LarderError LDR_NO_PLATFORM, listing the platforms that the index has; LDR_UNSUPPORTED_MANIFEST if indexes
 * nest too deep
 */
export async function selectImages(
  top: Manifest,
  choice: PlatformChoice,
  subject: string,
  load: LoadManifest,
): Promise<Selection | undefined> {
  const tree = await selectTree(top, choice, subject, load);
  if (!tree) return undefined;
  const { chosen } = tree;
  if (!chosen) throw noPlatform(subject, tree.indexes[0]!, choice.platform);
  return { ...tree, chosen };
}

/** As {@link selectImages}, but without a failure if all platforms are selected and there are none. */
export async function selectTree(
  top: Manifest,
  choice: PlatformChoice,
  subject: string,
  load: LoadManifest,
): Promise<ManifestTree | undefined> {
  const indexes = new Map<Digest, IndexManifest>(); // Each after those below it.
  const images = new Map<Digest, PlatformImage>();
  let chosen: PlatformImage | undefined;

  /**
   * Visits a manifest and its children.
   * @param preferred true if every index above chose this branch
   * @returns false if a manifest is missing
   */
  async function visit(
    manifest: Manifest,
    platform: Platform | undefined,
    preferred: boolean,
    depth: number,
  ): Promise<boolean> {
    if (manifest.kind === "image") {
      const image = { image: manifest, platform };
      images.set(manifest.digest, image);
      if (preferred) chosen = image;
      return true;
    }
    if (depth === MAX_INDEX_DEPTH) throw tooDeep(subject);
    const best = choosePlatform(manifest.manifests, choice.platform);
    if (!best && !choice.allPlatforms) throw noPlatform(subject, manifest, choice.platform);
    const preferredChild = best ?? manifest.manifests[0];
    for (const child of choice.allPlatforms ? manifest.manifests : [preferredChild!]) {
      const isPreferred = preferred && child === preferredChild;
      // Indexes that name the same ones many times lead to more images than memory holds.
      if (!isPreferred && (images.has(child.digest) || indexes.has(child.digest))) continue;
      const loaded = await load(child.digest);
      if (!loaded) return false;
      if (!await visit(loaded, child.platform ?? platform, isPreferred, depth + 1)) return false;
    }
    indexes.set(manifest.digest, manifest);
    return true;
  }

  if (!await visit(top, undefined, true, 0)) return undefined;
  const all = [...images.values()];
  // The preferred branch may be an index without images.
  const { image, platform } = chosen ?? all[0] ?? {};
  return {
    top,
    chosen: image,
    platform,
    images: all.map(({ image }) => image),
    indexes: [...indexes.values()].reverse(),
  };
}

interface PlatformImage {
  readonly image: ImageManifest;
  readonly platform: Platform | undefined;
}

/**
 * As {@link selectImages}; fetches manifests that the cache lacks.
 * @throws LarderError LDR_NO_PLATFORM, LDR_UNSUPPORTED_MANIFEST, and those of `Repository.manifest`
 */
export async function selectFromRegistry(
  { reference, name, manifests, repository }: ManifestSource,
  top: Manifest,
  choice: PlatformChoice & { readonly signal?: AbortSignal | undefined },
): Promise<Selection> {
  const load = async (child: Digest) =>
    await manifests.manifest(reference, child) ?? await repository.manifest(child, choice.signal);
  const selection = await selectImages(top, choice, name, load);
  return selection!; // `load` returns a manifest or throws.
}

function noPlatform(
  subject: string,
  index: IndexManifest,
  wanted: Platform | undefined,
): LarderError {
  const offered = [...new Set(index.manifests.filter((m) => !isAttestation(m)).map(platformName))];
  const what = wanted ? formatPlatform(wanted) : "this machine's platform";
  const hint = offered.length > 0
    ? "choose one with --platform, or pull all with --all-platforms"
    : "tell its publisher: the index is empty";
  const has = offered.join(", ") || "none at all";
  return new LarderError(
    "LDR_NO_PLATFORM",
    `${subject} has no image for ${what}; it has ${has}`,
    { hint },
  );
}

function platformName(descriptor: PlatformDescriptor): string {
  return descriptor.platform ? formatPlatform(descriptor.platform) : "one without a platform";
}

function tooDeep(subject: string): LarderError {
  return new LarderError(
    "LDR_UNSUPPORTED_MANIFEST",
    `${subject} nests more than ${MAX_INDEX_DEPTH} indexes`,
    { hint: "ask its publisher for a flat index" },
  );
}
