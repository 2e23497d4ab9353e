import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { type ImageManifest, spinApplication } from "../oci/manifest.ts";
import { isForeign, isWasm, SPIN_ARCHIVE } from "../oci/media_types.ts";
import type { Reference } from "../oci/reference.ts";
import type { BlobStore } from "./blobs/blob_store.ts";
import type { ManifestStore } from "./manifest_store.ts";

/** The config or a layer of an image. */
export interface Part {
  readonly kind: "config" | "layer";
  readonly descriptor: Descriptor;
  /** Digest of the manifest beside which Spin's locked app is stored as `config.json`; it is not stored as a blob. */
  readonly lockedAppOf?: Digest | undefined;
  /** True for a layer of a Wasm package, which Spin looks for in `wasm/` only. */
  readonly isPackage?: boolean | undefined;
  /** True for a foreign layer if foreign layers were not requested. */
  readonly skipped: boolean;
}

/** The images of a reference that were selected. */
interface ImageSet {
  readonly images: readonly ImageManifest[];
}

/** Lists the parts of the images of one reference, and those that the store does not have. */
export class ImageParts {
  readonly #blobs: BlobStore;
  readonly #manifests: ManifestStore;
  readonly #reference: Reference;
  readonly #includesForeign: boolean;
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
    this.#includesForeign = options.foreign ?? false;
  }

  /** Returns the parts of an image, config first, each once per tree of the store. */
  parts(image: ImageManifest): readonly Part[] {
    const known = this.#parts.get(image.digest);
    if (known) return known;
    const parts = new Map<string, Part>();
    const { config } = image;
    const lockedApp = spinApplication(image);
    // Spin takes a locked app that it finds in `data/` for cached, and writes no `config.json`.
    parts.set(lockedApp === config ? "config.json" : keyOf(config), {
      kind: "config",
      descriptor: config,
      lockedAppOf: lockedApp === config ? image.digest : undefined,
      skipped: false,
    });
    for (const layer of image.layers) {
      const key = layer === lockedApp ? "config.json" : keyOf(layer);
      if (parts.has(key)) continue;
      parts.set(key, {
        kind: "layer",
        descriptor: layer,
        lockedAppOf: layer === lockedApp ? image.digest : undefined,
        isPackage: !lockedApp && isWasm(layer.mediaType),
        skipped: isForeign(layer.mediaType) && !this.#includesForeign,
      });
    }
    const list = [...parts.values()];
    this.#parts.set(image.digest, list);
    return list;
  }

  /** Returns the parts that have to be fetched, each once. */
  async missing({ images }: ImageSet): Promise<Part[]> {
    const missing = new Map<string, Part>();
    for (const image of images) {
      for (const part of this.parts(image)) {
        if (part.skipped || await this.#has(part)) continue;
        missing.set(part.lockedAppOf ?? keyOf(part.descriptor), part);
      }
    }
    return [...missing.values()];
  }

  /** True if nothing has to be fetched or unpacked. */
  async isComplete(selection: ImageSet): Promise<boolean> {
    return (await this.missing(selection)).length === 0 &&
      selection.images.every((image) => this.packedArchives(image).length === 0);
  }

  /** Returns the path of the blob to copy to `config.json`; undefined for a locked app, which is fetched to there. */
  configSource(image: ImageManifest): string | undefined {
    return spinApplication(image) ? undefined : this.#blobs.find(image.config);
  }

  /** Returns the path of a part, whether it exists or not. */
  pathOf({ descriptor, lockedAppOf }: Part): string {
    return lockedAppOf
      ? this.#manifests.configPath(this.#reference, lockedAppOf)
      : this.#blobs.pathOf(descriptor);
  }

  async #has(part: Part): Promise<boolean> {
    const { descriptor, lockedAppOf, isPackage } = part;
    if (isPackage) return this.#blobs.find(descriptor) === this.#blobs.pathOf(descriptor);
    if (!lockedAppOf) return this.#blobs.find(descriptor) !== undefined;
    return await this.#manifests.hasConfig(this.#reference, lockedAppOf, descriptor);
  }

  /** Returns the archive layers that have to be unpacked, because a file in them is missing or damaged. */
  packedArchives(image: ImageManifest): Descriptor[] {
    return image.layers.filter(({ mediaType, digest }) =>
      mediaType === SPIN_ARCHIVE && !this.#blobs.isUnpacked(digest)
    );
  }
}

/** Identifies a blob by tree and digest, because the same content may be needed as Wasm and as a static file. */
function keyOf(descriptor: Descriptor): string {
  return `${isWasm(descriptor.mediaType) ? "wasm" : "data"}/${descriptor.digest}`;
}
