import { LarderError } from "../../base/errors.ts";
import type { BlobDescriptor } from "../../oci/descriptor.ts";
import type { BlobStream, Fetcher, FetchOptions } from "../../oci/fetcher.ts";
import type { SharedContent } from "./shared_content.ts";

/** Fetches a blob from the shared cache and, after a miss, from its origin if there is one. */
export class SharedFetcher implements Fetcher {
  readonly #shared: SharedContent;
  readonly #origin: Fetcher | undefined;
  #isShared = false;

  constructor(shared: SharedContent, origin?: Fetcher) {
    this.#shared = shared;
    this.#origin = origin;
  }

  /** True if the last bytes came from the shared cache. */
  get isShared(): boolean {
    return this.#isShared;
  }

  /** @inheritdoc */
  async fetch(
    descriptor: BlobDescriptor,
    offset = 0,
    options: FetchOptions = {},
  ): Promise<BlobStream> {
    const stream = await this.#shared.blob(descriptor, offset, options);
    this.#isShared = stream !== undefined;
    if (stream) return stream;
    if (this.#origin) return await this.#origin.fetch(descriptor, offset, options);
    throw new LarderError("LDR_NOT_FOUND", `${descriptor.digest} is not in the shared cache`, {
      hint: "write it first",
    });
  }
}
