import { hasCode, type LarderError } from "../../base/errors.ts";
import { isLoopback } from "../endpoints.ts";
import type { HttpRequest, HttpResponse, Transport } from "./transport.ts";
import { isInsecure, type Trust } from "./trust.ts";

type Scheme = "https:" | "http:";

/**
 * Decides between HTTPS and plain HTTP, once a host: HTTPS always, except that a registry on this machine is
 * asked in plain HTTP first, and that of an insecure host plain HTTP is tried where HTTPS fails. An address that
 * says plain HTTP itself is left as it is.
 */
export class SchemeTransport implements Transport {
  readonly #inner: Transport;
  readonly #trust: Trust;
  readonly #decided = new Map<string, Scheme>();

  constructor(inner: Transport, trust: Trust = {}) {
    this.#inner = inner;
    this.#trust = trust;
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    if (request.url.protocol !== "https:") return await this.#inner.send(request);
    const decided = this.#decided.get(request.url.host);
    if (decided) return await this.#sendIn(decided, request);
    const [first, second] = this.#candidates(request.url);
    let response: HttpResponse;
    try {
      response = await this.#sendIn(first, request);
    } catch (error) {
      const isSpoken = hasCode(error, "LDR_TLS") && metBadCertificate(error);
      if (!second || isSpoken || !hasCode(error, "LDR_UNREACHABLE", "LDR_TLS")) throw error;
      return await this.#decide(second, request).catch((other) => {
        // TLS is spoken there, and the certificate is the trouble.
        throw second === "https:" && hasCode(other, "LDR_TLS") && !metPlainHttp(other)
          ? other
          : error;
      });
    }
    if (first === "http:" && wantsTls(response)) {
      await response.body?.cancel();
      return await this.#decide("https:", request).catch((error) => {
        if (!metPlainHttp(error)) throw error;
        return this.#decide("http:", request); // The 400 was an answer like any other.
      });
    }
    this.#decided.set(request.url.host, first);
    return response;
  }

  async #decide(scheme: Scheme, request: HttpRequest): Promise<HttpResponse> {
    const response = await this.#sendIn(scheme, request);
    this.#decided.set(request.url.host, scheme);
    return response;
  }

  #sendIn(scheme: Scheme, request: HttpRequest): Promise<HttpResponse> {
    return this.#inner.send(withScheme(request, scheme));
  }

  /** The schemes to try, in this order. */
  #candidates(url: URL): [Scheme, Scheme?] {
    if (isLoopback(url.hostname)) return ["http:", "https:"];
    return isInsecure(this.#trust, url) ? ["https:", "http:"] : ["https:"];
  }
}

function withScheme(request: HttpRequest, scheme: Scheme): HttpRequest {
  if (request.url.protocol === scheme) return request;
  return { ...request, url: new URL(request.url.href.replace(/^https?:/, scheme)) };
}

/** Whether this may be what Go's and nginx's TLS servers answer to plain HTTP. */
function wantsTls(response: HttpResponse): boolean {
  return response.status === 400 && !response.headers.has("docker-distribution-api-version");
}

/** Whether TLS is spoken there: certificates are looked at even of an insecure host where a proxy stands between. */
function metBadCertificate(error: LarderError): boolean {
  return /: invalid peer certificate/.test(error.message);
}

/** Whether a TLS handshake failed because the server speaks plain HTTP. */
function metPlainHttp(error: unknown): boolean {
  return hasCode(error, "LDR_TLS") && /corrupt message|InvalidContentType/.test(error.message);
}
