import { MAX_LOCKED_APP } from "../oci/locked_app.ts";
import { LarderError } from "../base/errors.ts";
import { readBytesIfAny } from "../base/files.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { artifactKind, type ImageManifest, spinApplication } from "../oci/manifest.ts";
import { isWasm, SPIN_ARCHIVE } from "../oci/media_types.ts";
import { formatPlatform, type Platform } from "../oci/platform.ts";
import type { Reference } from "../oci/reference.ts";
import type { BlobStore } from "../store/blobs/blob_store.ts";
import type { ManifestStore } from "../store/manifest_store.ts";
import type { BlobLocator } from "./spin/static_files.ts";
import { parseSpinApp } from "./spin/app.ts";
import type { CachedApp } from "./spin/cached_app.ts";
import { type CachedWasm, cachedWasm, type WasmSource } from "./wasm/source.ts";

/** What an image in the cache is to whoever wants to run it. */
export type Runnable = CachedApp | { readonly kind: "wasm"; readonly wasm: WasmSource };

export interface CachedImage {
  /** In full, for messages. */
  readonly name: string;
  readonly reference: Reference;
  readonly manifestDigest: Digest;
  readonly platform: Platform | undefined;
}

/** Tells what cached images are, and where their parts lie. */
export class ArtifactResolver {
  readonly #blobs: BlobStore;
  readonly #manifests: ManifestStore;

  constructor(blobs: BlobStore, manifests: ManifestStore) {
    this.#blobs = blobs;
    this.#manifests = manifests;
  }

  /**
   * What can be run of an image: Spin's app, or its one layer of Wasm.
   * @throws LarderError LDR_NOT_RUNNABLE, LDR_NOT_CACHED, LDR_BAD_MANIFEST, LDR_UNSUPPORTED_WASM
   */
  async runnable(image: CachedImage): Promise<Runnable> {
    const manifest = await this.#manifest(image);
    if (spinApplication(manifest)) return this.#app(image, manifest);
    return { kind: "wasm", wasm: await this.wasm(image) };
  }

  /**
   * Whether an image is an app that Spin runs, of whatever kind.
   * @throws LarderError LDR_NOT_CACHED
   */
  async isSpinApp(image: CachedImage): Promise<boolean> {
    return spinApplication(await this.#manifest(image)) !== undefined;
  }

  /**
   * The one layer of Wasm that an image has.
   * @throws LarderError LDR_NOT_RUNNABLE, LDR_NOT_CACHED
   */
  async wasm(image: CachedImage): Promise<CachedWasm> {
    const manifest = await this.#manifest(image);
    const layers = manifest.layers.filter((layer) => isWasm(layer.mediaType));
    const [layer, ...others] = layers;
    if (!layer) throw notWasm(image, manifest);
    if (others.length > 0) throw ambiguous(image.name, layers.length);
    return this.#wasm(image.name, layer);
  }

  async #manifest({ name, reference, manifestDigest }: CachedImage): Promise<ImageManifest> {
    const manifest = await this.#manifests.manifest(reference, manifestDigest);
    if (manifest?.kind !== "image") throw notCached(name, manifestDigest);
    return manifest;
  }

  #app(image: CachedImage, manifest: ImageManifest): CachedApp {
    const path = this.#manifests.configPath(image.reference, image.manifestDigest);
    const bytes = readBytesIfAny(path, MAX_LOCKED_APP);
    if (!bytes) throw notCached(image.name, manifest.digest);
    const app = parseSpinApp(bytes, image.name);
    const layers = new Map(manifest.layers.map((layer) => [layer.digest, layer]));
    return {
      kind: "app",
      app,
      locate: (digest) => this.#locate(digest, layers, isPacked(manifest)),
      wasm: (id) => {
        const component = app.components.get(id)!;
        const layer = layers.get(component.digest);
        if (!layer) throw notCarried(image.name, id, component.digest);
        return this.#wasm(`the component "${id}" of ${image.name}`, layer);
      },
    };
  }

  #wasm(name: string, layer: Descriptor): CachedWasm {
    const path = this.#blobs.find(layer);
    if (!path) throw notCached(name, layer.digest);
    return cachedWasm(name, layer.digest, path);
  }

  /** A static file: a layer of its own, or one of those that were unpacked from an archive. */
  #locate(
    digest: Digest,
    layers: ReadonlyMap<Digest, Descriptor>,
    packed: boolean,
  ): ReturnType<BlobLocator> {
    const layer = layers.get(digest);
    if (layer) {
      const hostPath = this.#blobs.find(layer);
      return hostPath ? { hostPath, size: layer.size } : undefined;
    }
    return packed ? this.#blobs.findData(digest) : undefined;
  }
}

function isPacked(manifest: ImageManifest): boolean {
  return manifest.layers.some((layer) => layer.mediaType === SPIN_ARCHIVE);
}

function notCached(name: string, digest: Digest): LarderError {
  return new LarderError("LDR_NOT_CACHED", `${digest} of ${name} is not in the cache any more`, {
    hint: "somebody has cleaned the cache meanwhile: run it again",
  });
}

function notCarried(name: string, id: string, digest: Digest): LarderError {
  return new LarderError(
    "LDR_BAD_MANIFEST",
    `bad Spin application of ${name}: its component "${id}" is ${digest}, which its manifest does not carry`,
    { hint: "push it again with spin registry push" },
  );
}

function notWasm(image: CachedImage, manifest: ImageManifest): LarderError {
  const { name, platform } = image;
  const isImage = artifactKind(manifest) === "image";
  const what = isImage
    ? `a container image${platform ? ` for ${formatPlatform(platform)}` : ""}`
    : `neither a Spin app nor a Wasm package (its config is ${manifest.config.mediaType})`;
  return new LarderError("LDR_NOT_RUNNABLE", `cannot run ${name}: it is ${what}`, {
    hint: isImage
      ? "larder fetches container images, keeps them current and clears them away; podman or docker run them"
      : "larder runs Spin apps and Wasm that was pushed as one layer, as wkg and oras do",
  });
}

function ambiguous(name: string, count: number): LarderError {
  return new LarderError("LDR_NOT_RUNNABLE", `cannot run ${name}: it has ${count} layers of Wasm`, {
    hint: "larder runs Spin apps and Wasm that was pushed as one layer, as wkg and oras do",
  });
}
