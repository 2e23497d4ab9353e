import { MAX_NAMED } from "../../base/limits.ts";
import { RecentMap } from "../../base/recent_map.ts";
import { hasCode, type LarderError } from "../../base/errors.ts";
import { isLoopback } from "../endpoints.ts";
import type { HttpRequest, HttpResponse, Transport } from "./transport.ts";
import { isInsecure, type Trust } from "./tls/trust.ts";

type Scheme = "https:" | "http:";

/**
 * Chooses between HTTPS and plain HTTP, once per host: HTTPS, except that plain HTTP is tried first for this machine,
 * and after a failure of HTTPS for an insecure host. A URL with the scheme `http:` is sent as it is.
 */
export class SchemeTransport implements Transport {
  readonly #inner: Transport;
  readonly #trust: Trust;
  readonly #chosen = new RecentMap<string, Scheme>(MAX_NAMED);

  constructor(inner: Transport, trust: Trust = {}) {
    this.#inner = inner;
    this.#trust = trust;
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    if (request.url.protocol !== "https:") return await this.#inner.send(request);
    const chosen = this.#chosen.get(request.url.host);
    if (chosen) return await this.#sendWith(chosen, request);
    const [first, second] = this.#candidates(request.url);
    let response: HttpResponse;
    try {
      response = await this.#sendWith(first, request);
    } catch (error) {
      const speaksTls = hasCode(error, "LDR_TLS") && isBadCertificate(error);
      if (!second || speaksTls || !mayBeOtherScheme(error)) throw error;
      return await this.#choose(second, request).catch((other) => {
        const isNearer = second === "https:"
          // The host speaks TLS, so that the problem is its certificate.
          ? hasCode(other, "LDR_TLS") && !isPlainHttp(other)
          // The host speaks plain HTTP, so that the problem is the way to it, such as a proxy.
          : isPlainHttp(error);
        throw isNearer ? other : error;
      });
    }
    if (first === "http:" && wantsTls(response)) {
      await response.body?.cancel();
      return await this.#choose("https:", request).catch((error) => {
        if (!isPlainHttp(error)) throw error;
        return this.#choose("http:", request); // The 400 was an ordinary response.
      });
    }
    this.#chosen.set(request.url.host, first);
    return response;
  }

  async #choose(scheme: Scheme, request: HttpRequest): Promise<HttpResponse> {
    const response = await this.#sendWith(scheme, request);
    this.#chosen.set(request.url.host, scheme);
    return response;
  }

  #sendWith(scheme: Scheme, request: HttpRequest): Promise<HttpResponse> {
    return this.#inner.send(withScheme(request, scheme));
  }

  /** Returns the schemes to try, in order. */
  #candidates(url: URL): [Scheme, Scheme?] {
    if (isLoopback(url.hostname)) return ["http:", "https:"];
    return isInsecure(this.#trust, url) ? ["https:", "http:"] : ["https:"];
  }
}

function withScheme(request: HttpRequest, scheme: Scheme): HttpRequest {
  if (request.url.protocol === scheme) return request;
  return { ...request, url: new URL(request.url.href.replace(/^https?:/, scheme)) };
}

/** True for a response such as the TLS servers of Go and nginx give to plain HTTP. */
function wantsTls(response: HttpResponse): boolean {
  return response.status === 400 && !response.headers.has("docker-distribution-api-version");
}

/** True if the other scheme may work; a TLS server answers plain HTTP with an alert, which is no HTTP. */
function mayBeOtherScheme(error: unknown): boolean {
  return hasCode(error, "LDR_UNREACHABLE", "LDR_TLS") ||
    (hasCode(error, "LDR_BAD_RESPONSE") && /HTTP version|Expected HTTP\//.test(error.message));
}

/** True if a certificate was rejected; those of insecure hosts are checked too, if a proxy is used. */
function isBadCertificate(error: LarderError): boolean {
  return /: invalid peer certificate/.test(error.message);
}

/** True if a TLS handshake failed because the server speaks plain HTTP. */
function isPlainHttp(error: unknown): boolean {
  return hasCode(error, "LDR_TLS") && /corrupt message|InvalidContentType/.test(error.message);
}
