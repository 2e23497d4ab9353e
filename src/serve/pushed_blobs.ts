import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { type Reference, repositoryName } from "../oci/reference.ts";

/** Blobs that are remembered until a manifest refers to them. */
const MAX_BLOBS = 100_000;

/**
 * The blobs that were uploaded or mounted to repositories, and to which no manifest may refer yet. They are forgotten
 * when the server ends: a client then uploads them again.
 */
export class PushedBlobs {
  /** By repository and digest, the oldest first. */
  readonly #blobs = new Map<string, Descriptor>();

  add(repository: Reference, descriptor: Descriptor): void {
    const key = keyOf(repository, descriptor.digest);
    this.#blobs.delete(key);
    this.#blobs.set(key, descriptor);
    const [oldest] = this.#blobs.keys();
    if (this.#blobs.size > MAX_BLOBS) this.#blobs.delete(oldest!);
  }

  find(repository: Reference, digest: Digest): Descriptor | undefined {
    return this.#blobs.get(keyOf(repository, digest));
  }

  /** Returns a blob of any repository. */
  findAnywhere(digest: Digest): Descriptor | undefined {
    return this.#blobs.values().find((descriptor) => descriptor.digest === digest);
  }

  /** @returns false if it was not there */
  remove(repository: Reference, digest: Digest): boolean {
    return this.#blobs.delete(keyOf(repository, digest));
  }
}

function keyOf(repository: Reference, digest: Digest): string {
  return `${repositoryName(repository)}@${digest}`;
}
