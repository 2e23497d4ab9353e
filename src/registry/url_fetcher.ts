import { LarderError } from "../base/errors.ts";
import type { BlobDescriptor } from "../oci/descriptor.ts";
import type { BlobStream, Fetcher } from "../oci/fetcher.ts";
import { readBody } from "./http/body.ts";
import { requestFrom } from "./http/range_request.ts";
import { responseError } from "./http/response_error.ts";
import type { Transport } from "./http/transport.ts";

/** A blob from plain web addresses, without any registry's credentials: the first that has it serves. */
export class UrlFetcher implements Fetcher {
  readonly #transport: Transport;
  readonly #urls: readonly URL[];

  /** @param urls http or https addresses; others are passed over */
  constructor(transport: Transport, urls: readonly string[]) {
    this.#transport = transport;
    this.#urls = urls.filter((url) => URL.canParse(url)).map((url) => new URL(url)).filter((url) =>
      url.protocol === "https:" || url.protocol === "http:"
    );
  }

  /** @inheritdoc */
  async fetch(descriptor: BlobDescriptor, offset = 0, signal?: AbortSignal): Promise<BlobStream> {
    let failure: unknown = new LarderError(
      "LDR_NOT_FOUND",
      `no address to fetch ${descriptor.digest} from`,
      { hint: "its manifest names none that begins with http:// or https://" },
    );
    for (const url of this.#urls) {
      try {
        return await this.#fetchFrom(url, descriptor, offset, signal);
      } catch (error) {
        if (signal?.aborted) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  async #fetchFrom(
    url: URL,
    descriptor: BlobDescriptor,
    offset: number,
    signal: AbortSignal | undefined,
  ): Promise<BlobStream> {
    const { response, start } = await requestFrom(
      descriptor,
      offset,
      (headers) => this.#transport.send({ method: "GET", url, headers, signal }),
    );
    if (start === undefined) {
      throw await responseError(response, url, `${descriptor.digest}`, url.host, { signal });
    }
    return { offset: start, chunks: readBody(response, { url, signal }) };
  }
}
