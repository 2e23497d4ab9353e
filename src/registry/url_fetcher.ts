import { toBase64 } from "../base/base64.ts";
import { LarderError } from "../base/errors.ts";
import { registerSecret } from "../base/redact.ts";
import type { BlobDescriptor } from "../oci/descriptor.ts";
import type { BlobStream, Fetcher, FetchOptions } from "../oci/fetcher.ts";
import { readBody } from "./http/body.ts";
import { contentLength, requestFrom } from "./http/range_request.ts";
import { responseError } from "./http/response_error.ts";
import type { Transport } from "./http/transport.ts";

/** Fetches a blob from plain URLs, with no credentials but those in a URL: from the first that has it. */
export class UrlFetcher implements Fetcher {
  readonly #transport: Transport;
  readonly #urls: readonly URL[];

  /** @param urls http or https URLs; others are ignored */
  constructor(transport: Transport, urls: readonly string[]) {
    this.#transport = transport;
    this.#urls = urls.flatMap((url) => URL.parse(url) ?? [])
      .filter(({ protocol }) => protocol === "https:" || protocol === "http:");
  }

  /** @inheritdoc */
  async fetch(
    descriptor: BlobDescriptor,
    offset = 0,
    options: FetchOptions = {},
  ): Promise<BlobStream> {
    let failure: unknown = new LarderError(
      "LDR_NOT_FOUND",
      `no URL to fetch ${descriptor.digest} from`,
      { hint: "ask its publisher for a manifest with an http:// or https:// URL" },
    );
    for (const url of this.#urls) {
      // The tries of a URL that fails are not those of the next one; a host that is down is not asked again.
      const own = url === this.#urls.at(-1) ? options : { ...options, tries: undefined };
      try {
        return await this.#fetchFrom(url, descriptor, offset, own);
      } catch (error) {
        if (options.signal?.aborted) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  async #fetchFrom(
    url: URL,
    descriptor: BlobDescriptor,
    offset: number,
    { signal, tries, end: wanted, once }: FetchOptions,
  ): Promise<BlobStream> {
    const subject = `${descriptor.digest}`;
    const target = splitCredentials(url);
    const request = { ...target, method: "GET", signal, subject, tries, once } as const;
    const { response, start, end } = await requestFrom(
      descriptor,
      { start: offset, end: wanted },
      (range) => this.#transport.send({ ...request, headers: { ...target.headers, ...range } }),
    );
    if (start === undefined) {
      throw await responseError(response, url, subject, url.host, { signal });
    }
    const expected = contentLength(response.headers);
    return { offset: start, end, chunks: readBody(response, { url, signal, expected }) };
  }
}

/**
 * Splits a URL into one without a user name and password, and the header that sends them (RFC 7617). The password is
 * left out of every later message.
 */
export function splitCredentials(
  { href }: URL,
): { readonly url: URL; readonly headers: Readonly<Record<string, string>> } {
  const url = new URL(href);
  const [user, password] = [url.username, url.password].map(decoded) as [string, string];
  if (user === "" && password === "") return { url, headers: {} };
  url.username = url.password = "";
  registerSecret(password);
  return { url, headers: { authorization: `Basic ${toBase64(`${user}:${password}`)}` } };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // A `%` that encodes nothing.
  }
}
