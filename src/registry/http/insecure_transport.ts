import type { IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { Readable } from "node:stream";
import { hasCode, interrupted, LarderError } from "../../base/errors.ts";
import { STALL_TIMEOUT } from "../../base/limits.ts";
import { networkError, timedOut } from "./fetch_transport.ts";
import { proxyFor } from "./proxy.ts";
import type { HttpRequest, HttpResponse, Transport } from "./transport.ts";
import type { Trust } from "./trust.ts";

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
    if (request.signal?.aborted) return Promise.reject(interrupted());
    const { promise, resolve, reject } = Promise.withResolvers<HttpResponse>();
    const outgoing = httpsRequest(request.url, {
      method: request.method,
      headers: { "accept-encoding": "identity", ...request.headers },
      rejectUnauthorized: false,
      ...this.#certificates?.(request.url)?.client,
      timeout: this.#stallTimeout,
    });
    const onAbort = () => outgoing.destroy(interrupted());
    request.signal?.addEventListener("abort", onAbort, { once: true });
    outgoing.on("timeout", () => outgoing.destroy(timedOut(request.url, this.#stallTimeout)));
    outgoing.on("error", (error) => reject(networkError(error, request.url)));
    outgoing.on("close", () => request.signal?.removeEventListener("abort", onAbort));
    outgoing.on("response", (incoming) => resolve(toResponse(request, incoming)));
    outgoing.end(request.body);
    return promise;
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

function toResponse(request: HttpRequest, incoming: IncomingMessage): HttpResponse {
  const headers = new Headers();
  for (let i = 0; i + 1 < incoming.rawHeaders.length; i += 2) {
    headers.append(incoming.rawHeaders[i]!, incoming.rawHeaders[i + 1]!);
  }
  const body = request.method === "HEAD"
    ? null
    : Readable.toWeb(incoming) as unknown as ReadableStream<Uint8Array>;
  if (!body) incoming.resume();
  return { url: request.url.href, status: incoming.statusCode ?? 0, headers, body };
}
