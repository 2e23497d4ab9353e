import type { LarderError } from "../../base/errors.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { asDigest, type Digest } from "../../oci/digest.ts";
import type { BlobStream, FetchOptions } from "../../oci/fetcher.ts";
import type { Manifest } from "../../oci/manifest.ts";
import type { Reference } from "../../oci/reference.ts";
import { type MirrorDependencies, MirroredRepository } from "../mirrors/mirrored_repository.ts";
import type { SharedContent } from "./shared_content.ts";

/**
 * A repository whose content is asked for in the shared cache first, and then at its mirrors and its registry. Tags are
 * never answered from the shared cache, and what is blocked is not asked for there either.
 */
export class SharedRepository extends MirroredRepository {
  readonly #shared: SharedContent;
  /** What the shared cache had. */
  readonly #found = new Set<Digest>();

  constructor(reference: Reference, deps: MirrorDependencies, shared: SharedContent) {
    super(reference, deps);
    this.#shared = shared;
  }

  /** @inheritdoc */
  override isShared(digest: Digest): boolean {
    return this.#found.has(digest);
  }

  /** @inheritdoc */
  override async manifest(target: string | Digest, signal?: AbortSignal): Promise<Manifest> {
    const digest = asDigest(target);
    if (digest) await this.findRoute();
    const manifest = digest && await this.#shared.manifest(digest, signal);
    if (!manifest) return await super.manifest(target, signal);
    this.#found.add(manifest.digest);
    return manifest;
  }

  /** @inheritdoc */
  override async fetch(
    descriptor: Descriptor,
    offset = 0,
    options: FetchOptions = {},
  ): Promise<BlobStream> {
    const { digest } = descriptor;
    await this.findRoute();
    const stream = await this.#shared.blob(descriptor, offset, options);
    if (!stream) {
      this.#found.delete(digest);
      return await super.fetch(descriptor, offset, options);
    }
    this.#found.add(digest);
    const reject = (error: LarderError) => {
      this.#found.delete(digest);
      stream.reject?.(error);
    };
    return { ...stream, reject };
  }
}
