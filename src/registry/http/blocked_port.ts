import { LarderError } from "../../base/errors.ts";
import { STALL_TIMEOUT } from "../../base/limits.ts";
import { type NodeTls, sendWithNode, trusting } from "./node_request.ts";
import { proxyFor } from "./proxy.ts";
import type { HttpRequest, HttpResponse, Transport } from "./transport.ts";
import { ownTrust, type Trust } from "./tls/trust.ts";

/**
 * Sends requests to the ports that the runtime's own client refuses, because the Fetch Standard protects users of
 * browsers from them. Registries listen at such ports: 6000, 6666, 10080.
 */
export class BlockedPortTransport implements Transport {
  readonly #trust: Trust;
  readonly #stallTimeout: number;
  readonly #tls = new Map<string, NodeTls>();

  constructor(options: Trust & { stallTimeout?: number | undefined } = {}) {
    this.#trust = options;
    this.#stallTimeout = options.stallTimeout ?? STALL_TIMEOUT;
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    const { url } = request;
    if (proxyFor(url, Deno.env)) throw onlyWithoutProxy(url);
    const tls = url.protocol === "https:" ? this.#tlsFor(url) : undefined;
    return await sendWithNode(request, { stallTimeout: this.#stallTimeout, tls });
  }

  #tlsFor(url: URL): NodeTls {
    let tls = this.#tls.get(url.host);
    if (!tls) {
      const own = ownTrust(this.#trust, url)?.caCerts?.() ?? [];
      const found = this.#trust.certificates?.(url);
      const all = this.#trust.caCerts?.() ?? [];
      tls = trusting([...all, ...own, ...found?.caCerts ?? []], found?.client);
      this.#tls.set(url.host, tls);
    }
    return tls;
  }
}

function onlyWithoutProxy(url: URL): LarderError {
  return new LarderError("LDR_CONFIG", `cannot reach ${url.host} through the proxy`, {
    hint:
      `name ${url.host} in NO_PROXY: larder reaches port ${url.port}, which browsers block, only without a proxy`,
  });
}
