import {
  type ImageManifest,
  type IndexManifest,
  type Manifest,
  MAX_INDEX_DEPTH,
} from "../oci/manifest.ts";
import { LarderError } from "../base/errors.ts";
import type { PlatformDescriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { choosePlatform, formatPlatform, isAttestation, type Platform } from "../oci/platform.ts";

export interface PlatformChoice {
  /** What the user asked for; without it this machine's, then wasi/wasm, then the only one there is. */
  readonly platform?: Platform | undefined;
  readonly allPlatforms?: boolean | undefined;
}

/** What a reference stands for, resolved down to image manifests. */
export interface Selection {
  /** What the tag or digest itself names. */
  readonly top: Manifest;
  /** The image that the entry gives to whoever runs it. */
  readonly chosen: ImageManifest;
  readonly platform: Platform | undefined;
  /** Everything that is to be fetched: the chosen one, or all. */
  readonly images: readonly ImageManifest[];
  /** The indexes on the way, `top` first. */
  readonly indexes: readonly IndexManifest[];
}

/** Where child manifests come from: the cache, or the cache and then the registry. */
export type LoadManifest = (digest: Digest) => Promise<Manifest | undefined>;

/**
 * Follows an index to the images that are wanted.
 *
 * @returns undefined if `load` does not have one of the manifests needed
 * @throws LarderError LDR_NO_PLATFORM, listing what there is
 */
export async function selectImages(
  top: Manifest,
  choice: PlatformChoice,
  subject: string,
  load: LoadManifest,
): Promise<Selection | undefined> {
  const indexes: IndexManifest[] = [];
  const images = new Map<Digest, ImageManifest>();
  let chosen: { image: ImageManifest; platform: Platform | undefined } | undefined;

  /** Visits a manifest; `preferred` says that everything above chose it. Returns false if one is missing. */
  async function visit(
    manifest: Manifest,
    platform: Platform | undefined,
    preferred: boolean,
    depth: number,
  ): Promise<boolean> {
    if (manifest.kind === "image") {
      images.set(manifest.digest, manifest);
      if (preferred) chosen = { image: manifest, platform };
      return true;
    }
    if (depth === MAX_INDEX_DEPTH) throw tooDeep(subject);
    indexes.push(manifest);
    const best = choosePlatform(manifest.manifests, choice.platform);
    if (!best && !(choice.allPlatforms && manifest.manifests.length > 0)) {
      throw noPlatform(subject, manifest, choice.platform);
    }
    const preferredChild = best ?? manifest.manifests[0];
    for (const child of choice.allPlatforms ? manifest.manifests : [preferredChild!]) {
      const loaded = await load(child.digest);
      if (!loaded) return false;
      const here = preferred && child === preferredChild;
      if (!await visit(loaded, child.platform ?? platform, here, depth + 1)) return false;
    }
    return true;
  }

  if (!await visit(top, undefined, true, 0) || !chosen) return undefined;
  const { image, platform } = chosen as { image: ImageManifest; platform: Platform | undefined };
  return { top, chosen: image, platform, images: [...images.values()], indexes };
}

function noPlatform(
  subject: string,
  index: IndexManifest,
  asked: Platform | undefined,
): LarderError {
  const offered = [...new Set(index.manifests.filter((m) => !isAttestation(m)).map(platformName))];
  const what = asked ? formatPlatform(asked) : "this machine";
  return new LarderError(
    "LDR_NO_PLATFORM",
    `${subject} has nothing for ${what}; it has ${offered.join(", ") || "no platform at all"}`,
    { hint: "choose one with --platform, or take them all with --all-platforms" },
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
