import { LarderError } from "../base/errors.ts";
import { formatReference, type Reference } from "../oci/reference.ts";
import type { RegistryClient } from "../registry/client.ts";
import type { Repository } from "../registry/repository.ts";

/** The registries behind the server; none if it is offline. */
export class Upstreams {
  readonly #client: RegistryClient | undefined;

  constructor(client: RegistryClient | undefined) {
    this.#client = client;
  }

  get isOffline(): boolean {
    return this.#client === undefined;
  }

  /** @throws LarderError LDR_NOT_CACHED if registries must not be asked */
  repository(reference: Reference): Repository {
    if (this.#client) return this.#client.repository(reference);
    const name = formatReference(reference);
    throw new LarderError("LDR_NOT_CACHED", `${name} is not in the cache, and larder is offline`, {
      hint: "start larder serve without --offline",
    });
  }
}
