import { hasCode, LarderError } from "../../../../base/errors.ts";
import { STALL_TIMEOUT } from "../../../../base/limits.ts";
import type { CheckAddress } from "./checked_address.ts";
import { sendWithNode } from "./node_request.ts";
import { TRUST_ANY } from "./node_tls.ts";
import { proxyFor } from "../../proxy.ts";
import type { HttpRequest, HttpResponse, Transport } from "../../transport.ts";
import type { Trust } from "../../tls/trust.ts";

export interface InsecureTransportOptions extends Pick<Trust, "certificates"> {
  readonly stallTimeout?: number | undefined;
  readonly checkAddress?: CheckAddress | undefined;
}

/**
 * Sends HTTPS requests without checking the certificate, for `--insecure`, because the runtime's own client always
 * checks it. Plain HTTP, and HTTPS through a proxy, go to the inner transport; certificates are checked then, since
 * using the configured proxy takes precedence.
 */
export class InsecureTransport implements Transport {
  readonly #inner: Transport;
  readonly #certificates: Trust["certificates"];
  readonly #stallTimeout: number;
  readonly #checkAddress: CheckAddress | undefined;

  constructor(inner: Transport, options: InsecureTransportOptions = {}) {
    this.#inner = inner;
    this.#certificates = options.certificates;
    this.#checkAddress = options.checkAddress;
    this.#stallTimeout = options.stallTimeout ?? STALL_TIMEOUT;
  }

  send(request: HttpRequest): Promise<HttpResponse> {
    if (request.url.protocol !== "https:") return this.#inner.send(request);
    if (proxyFor(request.url, Deno.env)) return this.#inner.send(request).catch(throwProxied);
    return sendWithNode(request, {
      stallTimeout: this.#stallTimeout,
      checkAddress: request.isListed ? undefined : this.#checkAddress,
      tls: { ...TRUST_ANY, ...this.#certificates?.(request.url)?.client },
    });
  }
}

/** Rethrows the error of a request through a proxy, with a hint about certificates. */
function throwProxied(error: unknown): never {
  if (!hasCode(error, "LDR_TLS")) throw error;
  throw new LarderError("LDR_TLS", error.message, {
    hint:
      "--insecure does not work through a proxy: name the registry's CA with --ca-file, or its host in NO_PROXY",
    cause: error,
  });
}
