import { readBytesIfAny } from "../base/files.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { fileDigests, MAX_LOCKED_APP, parseLockedApp } from "../oci/locked_app.ts";
import { type ImageManifest, spinApplication, spinApplicationLayer } from "../oci/manifest.ts";
import { isForeign, isWasm, SPIN_ARCHIVE } from "../oci/media_types.ts";
import type { Reference } from "../oci/reference.ts";
import type { BlobStore } from "./blobs/blob_store.ts";
import type { ManifestStore } from "./manifest_store.ts";

/** One thing that an image consists of, and where it is kept. */
export interface Part {
  readonly kind: "config" | "layer";
  readonly descriptor: Descriptor;
  /** The manifest whose `config.json` it becomes, for Spin's locked app, which is no blob of the store. */
  readonly lockedAppOf?: Digest | undefined;
  /** Not to be fetched, because it is foreign and was not asked for. */
  readonly skipped: boolean;
}

/** What a reference stands for, as far as it is wanted. */
interface ImageSet {
  readonly images: readonly ImageManifest[];
}

/** Looks at what the store has of one reference's images, and knows what it lacks. */
export class ImageParts {
  readonly #blobs: BlobStore;
  readonly #manifests: ManifestStore;
  readonly #reference: Reference;
  readonly #foreign: boolean;
  readonly #parts = new Map<Digest, readonly Part[]>();

  constructor(
    blobs: BlobStore,
    manifests: ManifestStore,
    reference: Reference,
    options: { foreign?: boolean | undefined },
  ) {
    this.#blobs = blobs;
    this.#manifests = manifests;
    this.#reference = reference;
    this.#foreign = options.foreign ?? false;
  }

  /** The parts of an image, config first, each once; content may be needed in both trees. */
  parts(image: ImageManifest): readonly Part[] {
    const known = this.#parts.get(image.digest);
    if (known) return known;
    const parts = new Map<string, Part>();
    const { config } = image;
    parts.set(placeOf(config), { kind: "config", descriptor: config, skipped: false });
    const lockedApp = spinApplicationLayer(image);
    for (const layer of image.layers) {
      const place = layer === lockedApp ? "config.json" : placeOf(layer);
      if (parts.has(place)) continue;
      parts.set(place, {
        kind: "layer",
        descriptor: layer,
        lockedAppOf: layer === lockedApp ? image.digest : undefined,
        skipped: isForeign(layer.mediaType) && !this.#foreign,
      });
    }
    const list = [...parts.values()];
    this.#parts.set(image.digest, list);
    return list;
  }

  /** The parts that have to be fetched, each once for its place in the store. */
  async missing({ images }: ImageSet): Promise<Part[]> {
    const missing = new Map<string, Part>();
    for (const image of images) {
      for (const part of this.parts(image)) {
        if (part.skipped || await this.#has(part)) continue;
        missing.set(part.lockedAppOf ?? placeOf(part.descriptor), part);
      }
    }
    return [...missing.values()];
  }

  /** Whether nothing is to be fetched or unpacked. */
  async isComplete(selection: ImageSet): Promise<boolean> {
    return (await this.missing(selection)).length === 0 &&
      selection.images.every((image) => this.packedArchives(image).length === 0);
  }

  /** The blob that an image's `config.json` is a copy of; undefined for a locked app, which is in its place. */
  configSource(image: ImageManifest): string | undefined {
    return spinApplicationLayer(image) ? undefined : this.#blobs.find(image.config);
  }

  /** Where a part belongs, whether it is there or not. */
  pathOf({ descriptor, lockedAppOf }: Part): string {
    return lockedAppOf
      ? this.#manifests.configPath(this.#reference, lockedAppOf)
      : this.#blobs.pathOf(descriptor);
  }

  async #has(part: Part): Promise<boolean> {
    const { descriptor, lockedAppOf } = part;
    if (!lockedAppOf) return this.#blobs.find(descriptor) !== undefined;
    return await this.#manifests.hasConfig(this.#reference, lockedAppOf, descriptor);
  }

  /** The archive layers that have to be unpacked, since a file that the locked app names is not there. */
  packedArchives(image: ImageManifest): Descriptor[] {
    const archives = image.layers.filter((layer) => layer.mediaType === SPIN_ARCHIVE);
    if (archives.length === 0) return [];
    const files = this.#lockedAppFiles(image);
    return files?.every((digest) => this.#blobs.hasData(digest)) ? [] : archives;
  }

  /** The files that Spin's locked app points at; undefined where the image has no locked app to tell. */
  #lockedAppFiles(image: ImageManifest): Digest[] | undefined {
    if (!spinApplication(image)) return undefined;
    const path = spinApplicationLayer(image)
      ? this.#manifests.configPath(this.#reference, image.digest)
      : this.#blobs.find(image.config);
    const bytes = path === undefined ? undefined : readBytesIfAny(path, MAX_LOCKED_APP);
    return bytes && fileDigests(parseLockedApp(bytes, this.#reference.repository));
  }
}

/** Where in the store a blob belongs: the same content may be wanted as Wasm and as a static file. */
function placeOf(descriptor: Descriptor): string {
  return `${isWasm(descriptor.mediaType) ? "wasm" : "data"}/${descriptor.digest}`;
}
