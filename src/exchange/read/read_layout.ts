import { hasCode, LarderError } from "../../base/errors.ts";
import type { BlobDescriptor, PlatformDescriptor } from "../../oci/descriptor.ts";
import { algorithmOf, asDigest, type Digest } from "../../oci/digest.ts";
import { digestMismatch } from "../../oci/content_verifier.ts";
import { digestOf } from "../../oci/hash.ts";
import {
  type ImageManifest,
  type IndexManifest,
  type Manifest,
  MAX_INDEX_DEPTH,
  parseManifest,
} from "../../oci/manifest.ts";
import { manifestKind, OCI_INDEX } from "../../oci/media_types.ts";
import { choosePlatform, isAttestation, type Platform } from "../../oci/platform.ts";
import { asBundleError, badBundle } from "./bundle_errors.ts";
import type { BundleSource } from "./bundle_source.ts";
import type { ImportPlan, PlannedEntry, PlannedRecord } from "../import_plan.ts";
import { ANNOTATIONS, blobName, INDEX_FILE, LAYOUT_FILE } from "../layout_format.ts";
import { recordTypeOf } from "../content/record_content.ts";

const decoder = new TextDecoder();

/**
 * Reads the entries of an OCI image layout, and verifies their manifests. A manifest of an index may be missing, if it
 * is that of another platform: Docker saves indexes with one of their platforms.
 *
 * @throws LarderError LDR_BAD_BUNDLE, LDR_BAD_MANIFEST, LDR_UNSUPPORTED_MANIFEST, LDR_DISK*
 */
export async function readLayout(source: BundleSource): Promise<ImportPlan> {
  await checkVersion(source);
  const bytes = await source.read(INDEX_FILE);
  if (!bytes) throw badBundle(source.path, `${INDEX_FILE} is missing`);
  const index = parseIndex(source, bytes);
  const reader = new LayoutReader(source);
  const entries: PlannedEntry[] = [];
  for (const root of index.manifests) entries.push(await reader.entry(root));
  return {
    entries,
    fileOf: blobName,
    isPartial: index.annotations[ANNOTATIONS.isPartial] === "true",
  };
}

/** Refuses a layout of a newer version, which may have another form. */
async function checkVersion(source: BundleSource): Promise<void> {
  const bytes = await source.read(LAYOUT_FILE);
  if (!bytes) return; // Some programs do not write it.
  let version: unknown;
  try {
    version = JSON.parse(decoder.decode(bytes)).imageLayoutVersion;
  } catch {
    // Reported below.
  }
  if (typeof version === "string" && version.startsWith("1.")) return;
  throw badBundle(source.path, `${LAYOUT_FILE} names no version that larder can read`);
}

function parseIndex(source: BundleSource, bytes: Uint8Array): IndexManifest {
  try {
    const index = parseManifest(bytes, INDEX_FILE, OCI_INDEX);
    if (index.kind === "index") return index;
  } catch (error) {
    if (!hasCode(error, "LDR_BAD_MANIFEST", "LDR_UNSUPPORTED_MANIFEST")) throw error;
    throw badBundle(source.path, error.message, { cause: error });
  }
  throw badBundle(source.path, `${INDEX_FILE} is not an index`);
}

/** An image of an index, with the platform that the index names. */
interface PlatformImage {
  readonly image: ImageManifest;
  readonly platform: Platform | undefined;
}

/** The manifests below a manifest or index. */
class Tree {
  readonly images: PlatformImage[] = [];
  /** Each after those below it. */
  readonly indexes = new Map<Digest, IndexManifest>();
  isWhole = true;
}

class LayoutReader {
  readonly #source: BundleSource;
  readonly #manifests = new Map<Digest, Manifest | undefined>();

  constructor(source: BundleSource) {
    this.#source = source;
  }

  /** Reads what a descriptor in `index.json` names. */
  async entry(root: PlatformDescriptor): Promise<PlannedEntry> {
    const { annotations = {} } = root;
    const original = asDigest(annotations[ANNOTATIONS.original] ?? "");
    const manifest = await this.#require(original ? { mediaType: "", digest: original } : root);
    const type = manifest.kind === "image" && recordTypeOf(manifest.config.mediaType);
    if (type) return await this.#record(type, manifest);
    const named = asDigest(annotations[ANNOTATIONS.index] ?? "");
    const top = named ? await this.#require({ mediaType: "", digest: named }) : manifest;
    const tree = new Tree();
    await this.#walk(top, undefined, 0, tree);
    const { images, indexes } = tree;
    const chosen = images.find(({ image }) => image.digest === manifest.digest) ??
      (named ? undefined : chooseImage(images));
    // An index may have no images at all; those that it names must be there, at least one of them.
    if (!chosen && (named || !tree.isWhole)) {
      throw badBundle(this.#source.path, `${top.digest} does not lead to an image of the bundle`);
    }
    return {
      type: "reference",
      label: annotations[ANNOTATIONS.imageName] ?? annotations[ANNOTATIONS.refName],
      selection: {
        top,
        chosen: chosen?.image,
        platform: chosen?.platform,
        images: [...new Set(images.map(({ image }) => image))],
        indexes: [...indexes.values()].reverse(),
      },
      isWhole: tree.isWhole,
      checkedAt: timeOf(annotations[ANNOTATIONS.checkedAt]),
    };
  }

  async #record(type: PlannedRecord["type"], manifest: ImageManifest): Promise<PlannedRecord> {
    const { config, layers } = manifest;
    const bytes = await this.#read(config);
    if (!bytes) throw this.#missing(config.digest);
    this.#verified(config.digest, () => verify(bytes, config.digest));
    return { type, label: manifest.digest, record: decoder.decode(bytes), blobs: layers };
  }

  /** Collects the manifests below one; those that the layout lacks are left out. */
  async #walk(
    manifest: Manifest,
    platform: Platform | undefined,
    depth: number,
    tree: Tree,
  ): Promise<void> {
    if (manifest.kind === "image") {
      tree.images.push({ image: manifest, platform });
      return;
    }
    if (depth === MAX_INDEX_DEPTH) {
      throw badBundle(this.#source.path, `it nests more than ${MAX_INDEX_DEPTH} indexes`);
    }
    for (const child of manifest.manifests) {
      // Indexes that name the same ones many times lead to more images than memory holds.
      if (tree.indexes.has(child.digest)) continue;
      const loaded = await this.#load(child);
      if (loaded) await this.#walk(loaded, child.platform ?? platform, depth + 1, tree);
      else tree.isWhole = false;
    }
    tree.indexes.set(manifest.digest, manifest);
  }

  async #require(descriptor: BlobDescriptor): Promise<Manifest> {
    const manifest = await this.#load(descriptor);
    if (manifest) return manifest;
    throw this.#missing(descriptor.digest);
  }

  #missing(digest: Digest): LarderError {
    return badBundle(this.#source.path, `${blobName(digest)} is missing`);
  }

  /** @returns undefined if the layout does not have the manifest */
  async #load(descriptor: BlobDescriptor): Promise<Manifest | undefined> {
    const { digest, mediaType } = descriptor;
    if (this.#manifests.has(digest)) return this.#manifests.get(digest);
    const bytes = await this.#read(descriptor);
    const type = manifestKind(mediaType) ? mediaType : undefined;
    const manifest = bytes &&
      this.#verified(digest, () => parseManifest(bytes, digest, type, digest));
    this.#manifests.set(digest, manifest);
    return manifest;
  }

  /** Reads a document. @throws LarderError LDR_BAD_BUNDLE if it has another size */
  async #read({ digest, size }: BlobDescriptor): Promise<Uint8Array | undefined> {
    const name = blobName(digest);
    const bytes = await this.#source.read(name);
    if (bytes && size !== undefined && bytes.length !== size) {
      throw badBundle(this.#source.path, `${name} has ${bytes.length} bytes instead of ${size}`);
    }
    return bytes;
  }

  #verified<T>(digest: Digest, parse: () => T): T {
    try {
      return parse();
    } catch (error) {
      throw asBundleError(this.#source.path, blobName(digest), error);
    }
  }
}

/** @throws LarderError LDR_DIGEST_MISMATCH */
function verify(bytes: Uint8Array, expected: Digest): void {
  const digest = digestOf(bytes, algorithmOf(expected));
  if (digest !== expected) throw digestMismatch(expected, digest);
}

/** Chooses the image for this machine, or else the first one. */
function chooseImage(images: readonly PlatformImage[]): PlatformImage | undefined {
  return choosePlatform(images, undefined) ?? images.find((image) => !isAttestation(image)) ??
    images[0];
}

/** Returns a time in milliseconds since the epoch; undefined if it is none. */
function timeOf(text: string | undefined): number | undefined {
  const time = Date.parse(text ?? "");
  return Number.isNaN(time) ? undefined : time;
}
