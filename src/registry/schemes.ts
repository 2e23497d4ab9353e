import { hasCode } from "../base/errors.ts";
import { isLoopback } from "./endpoints.ts";
import type { HttpRequest, HttpResponse, Transport } from "./transport.ts";

type Scheme = "https:" | "http:";

/**
 * Decides between HTTPS and plain HTTP, once a host: HTTPS always, except that a registry on this machine is
 * asked in plain HTTP first, and that with `insecure` plain HTTP is tried where HTTPS fails.
 */
export class SchemeTransport implements Transport {
  readonly #inner: Transport;
  readonly #insecure: boolean;
  readonly #decided = new Map<string, Scheme>();

  constructor(inner: Transport, options: { insecure?: boolean } = {}) {
    this.#inner = inner;
    this.#insecure = options.insecure ?? false;
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    const { host } = request.url;
    const decided = this.#decided.get(host);
    if (decided || request.url.protocol !== "https:") {
      return await this.#inner.send(withScheme(request, decided ?? "http:"));
    }
    const [first, second] = this.#candidates(request.url.hostname);
    try {
      const response = await this.#inner.send(withScheme(request, first!));
      if (!second || first === "https:" || !(await wantsTls(response))) {
        this.#decided.set(host, first!);
        return response;
      }
    } catch (error) {
      if (!second || !hasCode(error, "LDR_UNREACHABLE", "LDR_TLS")) throw error;
      return await this.#fallBack(request, second, error);
    }
    return await this.#fallBack(request, second);
  }

  #candidates(hostname: string): Scheme[] {
    if (isLoopback(hostname)) return ["http:", "https:"];
    return this.#insecure ? ["https:", "http:"] : ["https:"];
  }

  /** The first scheme's failure is the one that is told, unless the second shows that TLS was spoken there. */
  async #fallBack(request: HttpRequest, scheme: Scheme, failure?: unknown): Promise<HttpResponse> {
    try {
      const response = await this.#inner.send(withScheme(request, scheme));
      this.#decided.set(request.url.host, scheme);
      return response;
    } catch (error) {
      const refusedHere = scheme === "https:" && hasCode(error, "LDR_TLS") && !spokeHttp(error);
      throw failure === undefined || refusedHere ? error : failure;
    }
  }
}

function withScheme(request: HttpRequest, scheme: Scheme): HttpRequest {
  if (request.url.protocol === scheme) return request;
  return { ...request, url: new URL(request.url.href.replace(/^https?:/, scheme)) };
}

/** What Go's and nginx's TLS servers answer to plain HTTP. */
async function wantsTls(response: HttpResponse): Promise<boolean> {
  if (response.status !== 400 || response.headers.has("docker-distribution-api-version")) {
    return false;
  }
  await response.body?.cancel();
  return true;
}

/** The TLS handshake met a server that does not speak TLS, so the certificate is not the trouble. */
function spokeHttp(error: Error): boolean {
  return /corrupt message|InvalidContentType/.test(error.message);
}
