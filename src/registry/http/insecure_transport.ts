import { hasCode, LarderError } from "../../base/errors.ts";
import { STALL_TIMEOUT } from "../../base/limits.ts";
import { sendWithNode, TRUST_ANY } from "./node_request.ts";
import { proxyFor } from "./proxy.ts";
import type { HttpRequest, HttpResponse, Transport } from "./transport.ts";
import type { Trust } from "./tls/trust.ts";

/**
 * Sends HTTPS requests without checking the certificate, for `--insecure`, because the runtime's own client always
 * checks it. Plain HTTP, and HTTPS through a proxy, go to the inner transport; certificates are checked then, since
 * using the configured proxy takes precedence.
 */
export class InsecureTransport implements Transport {
  readonly #inner: Transport;
  readonly #certificates: Trust["certificates"];
  readonly #stallTimeout: number;

  constructor(
    inner: Transport,
    options: Pick<Trust, "certificates"> & { stallTimeout?: number | undefined } = {},
  ) {
    this.#inner = inner;
    this.#certificates = options.certificates;
    this.#stallTimeout = options.stallTimeout ?? STALL_TIMEOUT;
  }

  send(request: HttpRequest): Promise<HttpResponse> {
    if (request.url.protocol !== "https:") return this.#inner.send(request);
    if (proxyFor(request.url, Deno.env)) return this.#inner.send(request).catch(throwProxied);
    return sendWithNode(request, {
      stallTimeout: this.#stallTimeout,
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
