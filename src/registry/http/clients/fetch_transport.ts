import { RecentMap } from "../../../base/recent_map.ts";
import { interrupted } from "../../../base/errors.ts";
import { MAX_NAMED, STALL_TIMEOUT } from "../../../base/limits.ts";
import { networkError, timedOut } from "../network_error.ts";
import { PromptClient } from "./prompt_client.ts";
import { isProxyBypassed, proxyFor, withoutProxies } from "../proxy.ts";
import { createClient, seedTls } from "../tls/client.ts";
import type { HttpRequest, HttpResponse, Transport } from "../transport.ts";
import { ownTrust, type Trust } from "../tls/trust.ts";

export interface FetchTransportOptions extends Pick<Trust, "caCerts" | "hosts" | "certificates"> {
  /** Milliseconds without a response after which a request fails. */
  readonly stallTimeout?: number | undefined;
  /** True if the first small requests are sent by {@link PromptClient}, as a process that soon ends wants it. */
  readonly isPrompt?: boolean | undefined;
}

/**
 * Sends requests with the runtime's own client, which supports `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`.
 *
 * HTTP/1.1 only, so that each large blob has a connection, and with it a flow-control window, of its own.
 */
export class FetchTransport implements Transport, Disposable {
  readonly #options: FetchTransportOptions;
  readonly #clients = new Map<string, Deno.HttpClient>();
  /** By origin. */
  readonly #proxies = new RecentMap<string, URL | undefined>(MAX_NAMED);
  readonly #noProxy = Deno.env.get("NO_PROXY") ?? Deno.env.get("no_proxy");

  readonly #prompt: PromptClient | undefined;

  constructor(options: FetchTransportOptions = {}) {
    this.#options = options;
    if (options.isPrompt) this.#prompt = new PromptClient();
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    const { method, url, body, signal } = request;
    if (signal?.aborted) throw interrupted();
    const headers = { "accept-encoding": "identity", ...request.headers };
    const proxy = this.#proxyFor(url);
    const guard = new AbortController();
    const timeout = this.#options.stallTimeout ?? STALL_TIMEOUT;
    const timer = setTimeout(() => guard.abort(), timeout);
    const onAbort = () => guard.abort();
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      const small = { ...request, headers, signal: guard.signal };
      return await this.#sendPromptly(small, proxy) ?? await fetch(url, {
        method,
        headers,
        body: body ?? null,
        redirect: "manual",
        signal: guard.signal,
        client: this.#clientFor(url),
      });
    } catch (error) {
      if (signal?.aborted) throw interrupted();
      throw guard.signal.aborted ? timedOut(url, timeout) : networkError(error, url, proxy);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** Returns undefined if the request is for the runtime's own client. */
  async #sendPromptly(request: HttpRequest, proxy?: URL): Promise<HttpResponse | undefined> {
    const { url } = request;
    const isMeant = request.isSmall && url.protocol === "https:" && !proxy;
    // The promptly made connection shows no client certificate.
    if (!this.#prompt || !isMeant || this.#options.certificates?.(url)?.client) return undefined;
    return await this.#prompt.send(request, () => this.#caCertsFor(url));
  }

  /** Closes idle connections. */
  [Symbol.dispose](): void {
    this.#prompt?.[Symbol.dispose]();
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  /** Returns the proxy that the client for a URL uses. @throws LarderError LDR_CONFIG */
  #proxyFor(url: URL): URL | undefined {
    if (!this.#proxies.has(url.origin)) this.#proxies.set(url.origin, proxyFor(url, Deno.env));
    return this.#proxies.get(url.origin);
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
      if (isHttps) seedTls();
      const caCerts = isHttps ? this.#caCertsFor(url) : [];
      const create = () => createClient({ http2: false, caCerts, ...found?.client });
      client = direct ? withoutProxies(create) : create();
      this.#clients.set(kind, client);
    }
    return client;
  }

  /** Returns PEM certificates to trust beside the built-in ones. @throws LarderError LDR_CONFIG, LDR_DISK* */
  #caCertsFor(url: URL): string[] {
    const { caCerts, certificates } = this.#options;
    const own = ownTrust(this.#options, url)?.caCerts;
    return [...caCerts?.() ?? [], ...own?.() ?? [], ...certificates?.(url)?.caCerts ?? []];
  }
}
