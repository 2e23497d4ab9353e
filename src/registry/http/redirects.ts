import { LarderError } from "../../base/errors.ts";
import type { HttpRequest, HttpResponse, Transport } from "./transport.ts";
import { isInsecure, type Trust } from "./tls/trust.ts";

/** Redirects followed for one request. */
export const MAX_REDIRECTS = 10;

const REDIRECT_STATUSES = new Set([301, 302, 303, 307, 308]);

/** Headers with credentials; the second is for Amazon S3. */
const CREDENTIALS = new Set(["authorization", "x-amz-security-token"]);

/**
 * Follows redirects of `GET` and `HEAD`, which registries use to serve blobs from a CDN.
 *
 * Invariants: credentials are dropped at the first redirect to another origin, which does not count as listed; a
 * redirect from HTTPS to plain HTTP is followed only if the host that redirects is accepted as insecure.
 */
export class RedirectTransport implements Transport {
  readonly #inner: Transport;
  readonly #trust: Trust;

  constructor(inner: Transport, trust: Trust = {}) {
    this.#inner = inner;
    this.#trust = trust;
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    let current = request;
    for (let followed = 0; followed <= MAX_REDIRECTS; followed++) {
      const response = await this.#inner.send(current);
      const location = response.headers.get("location");
      if (!REDIRECT_STATUSES.has(response.status) || !location || request.method === "POST") {
        return response;
      }
      await response.body?.cancel();
      current = this.#next(current, location);
    }
    throw badRedirect(request.url, `more than ${MAX_REDIRECTS} redirects in a row`);
  }

  #next(request: HttpRequest, location: string): HttpRequest {
    const url = URL.canParse(location, request.url) ? new URL(location, request.url) : undefined;
    if (!url || (url.protocol !== "https:" && url.protocol !== "http:")) {
      throw badRedirect(request.url, "a redirect to something that is not an HTTP address");
    }
    const downgrade = request.url.protocol === "https:" && url.protocol === "http:";
    if (downgrade && !isInsecure(this.#trust, request.url)) {
      throw badRedirect(request.url, `a redirect from HTTPS to plain HTTP at ${url.host}`);
    }
    if (url.origin === request.url.origin) return { ...request, url };
    const headers = Object.entries(request.headers)
      .filter(([name]) => !CREDENTIALS.has(name.toLowerCase()));
    return { ...request, url, headers: Object.fromEntries(headers), isListed: false };
  }
}

function badRedirect(url: URL, what: string): LarderError {
  return new LarderError("LDR_REDIRECT", `${url.host} answered with ${what}`, {
    hint: "tell the registry's operator, or check the proxy before it",
  });
}
