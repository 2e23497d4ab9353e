import { interrupted, LarderError, messageOf } from "../../base/errors.ts";
import { STALL_TIMEOUT } from "../../base/limits.ts";
import { isProxyBypassed, withoutProxies } from "./proxy.ts";
import { tlsError } from "./tls_error.ts";
import type { HttpRequest, HttpResponse, Transport } from "./transport.ts";
import { ownTrust, type Trust } from "./trust.ts";

export interface FetchTransportOptions extends Pick<Trust, "caCerts" | "hosts" | "certificates"> {
  /** Milliseconds without a response after which a request fails. */
  readonly stallTimeout?: number | undefined;
}

/**
 * Sends requests with the runtime's own client, which supports `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`.
 *
 * HTTP/1.1 only, so that each large blob has a connection, and with it a flow-control window, of its own.
 */
export class FetchTransport implements Transport, Disposable {
  readonly #options: FetchTransportOptions;
  readonly #clients = new Map<string, Deno.HttpClient>();
  readonly #noProxy = Deno.env.get("NO_PROXY") ?? Deno.env.get("no_proxy");

  constructor(options: FetchTransportOptions = {}) {
    this.#options = options;
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    const { method, url, headers, body, signal } = request;
    if (signal?.aborted) throw interrupted();
    const guard = new AbortController();
    const timeout = this.#options.stallTimeout ?? STALL_TIMEOUT;
    const timer = setTimeout(() => guard.abort(), timeout);
    const onAbort = () => guard.abort();
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      return await fetch(url, {
        method,
        headers: { "accept-encoding": "identity", ...headers },
        body: body ?? null,
        redirect: "manual",
        signal: guard.signal,
        client: this.#clientFor(url),
      });
    } catch (error) {
      if (signal?.aborted) throw interrupted();
      throw guard.signal.aborted ? timedOut(url, timeout) : networkError(error, url);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** Closes idle connections. */
  [Symbol.dispose](): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  /** Returns the client for a kind of connection; plain HTTP has its own, without the time to read certificates. */
  #clientFor(url: URL): Deno.HttpClient {
    const direct = isProxyBypassed(url, this.#noProxy);
    const isHttps = url.protocol === "https:";
    const own = isHttps ? ownTrust(this.#options, url)?.caCerts : undefined;
    const found = isHttps ? this.#options.certificates?.(url) : undefined;
    const kind = `${url.protocol} ${direct} ${own || found ? url.host : ""}`;
    let client = this.#clients.get(kind);
    if (!client) {
      const all = isHttps ? this.#options.caCerts : undefined;
      const caCerts = [...all?.() ?? [], ...own?.() ?? [], ...found?.caCerts ?? []];
      const create = () => Deno.createHttpClient({ http2: false, caCerts, ...found?.client });
      client = direct ? withoutProxies(create) : create();
      this.#clients.set(kind, client);
    }
    return client;
  }
}

/** The error for a server that stopped sending. */
export function timedOut(url: URL, timeout: number): LarderError {
  return new LarderError("LDR_TIMEOUT", `${url.host} sent nothing for ${timeout / 1000} s`, {
    hint: "try again later, or check the network",
  });
}

/** Converts an error below HTTP, which the runtime classifies only in its text; returns other errors unchanged. */
export function networkError(error: unknown, url: URL): unknown {
  if (!(error instanceof Error) || error instanceof LarderError) return error;
  const text = messageOf(error.cause instanceof Error ? error.cause : error);
  // The text begins with the URL, which may contain any words, and a signature in its query.
  const detail = text.replace(/^.*client error \([A-Za-z]+\): /, "");
  if (/^dns error|lookup address/.test(detail)) {
    return new LarderError("LDR_DNS", `cannot resolve the host ${url.hostname}`, {
      hint: "check the name and the network",
      cause: error,
    });
  }
  const tls = tlsError(detail, url, error);
  if (tls) return tls;
  return new LarderError("LDR_UNREACHABLE", `cannot reach ${url.host}: ${detail}`, {
    hint: "check the address, the network and the proxy settings",
    cause: error,
  });
}
