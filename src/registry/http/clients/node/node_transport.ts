import { RecentMap } from "../../../../base/recent_map.ts";
import { LarderError } from "../../../../base/errors.ts";
import { MAX_NAMED, STALL_TIMEOUT } from "../../../../base/limits.ts";
import type { CheckAddress } from "./checked_address.ts";
import { sendWithNode } from "./node_request.ts";
import { type NodeTls, TRUST_ANY, trusting } from "./node_tls.ts";
import { trustSystemCertificates } from "../../tls/client.ts";
import { proxyFor } from "../../proxy.ts";
import type { HttpRequest, HttpResponse, Transport } from "../../transport.ts";
import { isInsecure, ownTrust, type Trust } from "../../tls/trust.ts";

export interface NodeTransportOptions extends Trust {
  readonly stallTimeout?: number | undefined;
  readonly checkAddress?: CheckAddress | undefined;
}

/**
 * Sends requests with Node's client, for what the runtime's own client cannot do: connect to ports that browsers block
 * (Fetch Standard, "Port blocking"), at which registries listen (6000, 6666, 10080), and connect to exactly the address
 * that was checked.
 */
export class NodeTransport implements Transport {
  readonly #trust: Trust;
  readonly #stallTimeout: number;
  readonly #checkAddress: CheckAddress | undefined;
  readonly #tls = new RecentMap<string, NodeTls>(MAX_NAMED);

  constructor(options: NodeTransportOptions = {}) {
    this.#trust = options;
    this.#checkAddress = options.checkAddress;
    this.#stallTimeout = options.stallTimeout ?? STALL_TIMEOUT;
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    const { url } = request;
    if (proxyFor(url, Deno.env)) throw onlyWithoutProxy(request);
    const tls = url.protocol === "https:" ? this.#tlsFor(url) : undefined;
    return await sendWithNode(request, {
      stallTimeout: this.#stallTimeout,
      checkAddress: request.isListed ? undefined : this.#checkAddress,
      tls,
    });
  }

  #tlsFor(url: URL): NodeTls {
    if (isInsecure(this.#trust, url)) return TRUST_ANY;
    let tls = this.#tls.get(url.host);
    if (!tls) {
      if (this.#tls.size === 0) trustSystemCertificates();
      const own = ownTrust(this.#trust, url)?.caCerts?.() ?? [];
      const found = this.#trust.certificates?.(url);
      const all = this.#trust.caCerts?.() ?? [];
      tls = trusting([...all, ...own, ...found?.caCerts ?? []], found?.client);
      this.#tls.set(url.host, tls);
    }
    return tls;
  }
}

function onlyWithoutProxy({ url, content }: HttpRequest): LarderError {
  const message = content
    ? `uploads to ${url.host} cannot go through the proxy`
    : `cannot reach ${url.host} through the proxy`;
  const why = content
    ? "larder uploads only without a proxy"
    : `larder reaches port ${url.port}, which browsers block, only without a proxy`;
  return new LarderError("LDR_CONFIG", message, {
    hint: `name ${url.host} in NO_PROXY: ${why}`,
  });
}
