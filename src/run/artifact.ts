import { LarderError } from "../base/errors.ts";
import { readBytesIfAny } from "../base/files/files.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { badLockedApp, MAX_LOCKED_APP } from "../oci/locked_app.ts";
import { artifactKind, type ImageManifest, spinApplication } from "../oci/manifest.ts";
import { isWasm, SPIN_ARCHIVE } from "../oci/media_types.ts";
import { formatPlatform, type Platform } from "../oci/platform.ts";
import type { Reference } from "../oci/reference.ts";
import type { BlobStore } from "../store/blobs/blob_store.ts";
import type { ManifestStore } from "../store/manifest_store.ts";
import { parseSpinApp } from "./spin/app.ts";
import type { CachedApp } from "./spin/cached_app.ts";
import type { FileLocator } from "./spin/static_files.ts";
import { type CachedWasm, cachedWasm, type WasmSource } from "./wasm/source.ts";

/** A cached image in a form that can be run. */
export type Runnable = CachedApp | { readonly kind: "wasm"; readonly wasm: WasmSource };

export interface CachedImage {
  /** Full name, for messages. */
  readonly name: string;
  readonly reference: Reference;
  readonly manifestDigest: Digest;
  readonly platform: Platform | undefined;
}

/** Resolves cached images to what can be run of them: a Spin app or a single layer of Wasm. */
export class ArtifactResolver {
  readonly #blobs: BlobStore;
  readonly #manifests: ManifestStore;

  constructor(blobs: BlobStore, manifests: ManifestStore) {
    this.#blobs = blobs;
    this.#manifests = manifests;
  }

  /**
   * Returns the Spin app of an image, or its only layer of Wasm.
   * @throws LarderError LDR_NOT_RUNNABLE, LDR_NOT_CACHED, LDR_BAD_MANIFEST, LDR_UNSUPPORTED_WASM
   */
  async runnable(image: CachedImage): Promise<Runnable> {
    const manifest = await this.#manifest(image);
    if (spinApplication(manifest)) return this.#app(image, manifest);
    return { kind: "wasm", wasm: await this.wasm(image) };
  }

  /**
   * True if an image is a Spin app, also one of a kind that the embedded engine cannot run.
   * @throws LarderError LDR_NOT_CACHED
   */
  async isSpinApp(image: CachedImage): Promise<boolean> {
    return spinApplication(await this.#manifest(image)) !== undefined;
  }

  /**
   * Returns the only layer of Wasm of an image.
   * @throws LarderError LDR_NOT_RUNNABLE if the image has none or several, LDR_NOT_CACHED
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
      locate: ({ digest }) => digest && this.#locate(digest, layers, hasArchive(manifest)),
      wasm: (id) => {
        const digest = app.components.get(id)!.digest!;
        const layer = layers.get(digest);
        if (!layer) throw notALayer(image.name, id, digest);
        return this.#wasm(`the component "${id}" of ${image.name}`, layer);
      },
    };
  }

  #wasm(name: string, layer: Descriptor): CachedWasm {
    const path = this.#blobs.find(layer);
    if (!path) throw notCached(name, layer.digest);
    return cachedWasm(name, layer.digest, path);
  }

  /** Locates a static file, which is a layer or was unpacked from an archive layer. */
  #locate(
    digest: Digest,
    layers: ReadonlyMap<Digest, Descriptor>,
    isArchived: boolean,
  ): ReturnType<FileLocator> {
    const layer = layers.get(digest);
    if (layer) {
      const hostPath = this.#blobs.find(layer);
      return hostPath ? { hostPath, size: layer.size } : undefined;
    }
    return isArchived ? this.#blobs.findData(digest) : undefined;
  }
}

function hasArchive(manifest: ImageManifest): boolean {
  return manifest.layers.some((layer) => layer.mediaType === SPIN_ARCHIVE);
}

function notCached(name: string, digest: Digest): LarderError {
  return new LarderError("LDR_NOT_CACHED", `${digest} of ${name} is no longer in the cache`, {
    hint: "the cache was cleaned meanwhile: run the command again",
  });
}

function notALayer(name: string, id: string, digest: Digest): LarderError {
  return badLockedApp(
    name,
    `the Wasm of the component "${id}" (${digest}) is no layer of its manifest`,
  );
}

const RUNNABLE_HINT = "larder runs Spin apps, and Wasm pushed as a single layer by wkg or oras";

function notWasm(image: CachedImage, manifest: ImageManifest): LarderError {
  const { name, platform } = image;
  const isContainer = artifactKind(manifest) === "image";
  const kind = isContainer
    ? `a container image${platform ? ` for ${formatPlatform(platform)}` : ""}`
    : `neither a Spin app nor a Wasm package (its config is ${manifest.config.mediaType})`;
  return new LarderError("LDR_NOT_RUNNABLE", `cannot run ${name}: it is ${kind}`, {
    hint: isContainer
      ? "larder caches container images but does not run them: use podman or docker"
      : RUNNABLE_HINT,
  });
}

function ambiguous(name: string, count: number): LarderError {
  return new LarderError("LDR_NOT_RUNNABLE", `cannot run ${name}: it has ${count} Wasm layers`, {
    hint: RUNNABLE_HINT,
  });
}
