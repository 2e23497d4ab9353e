import { type IncomingMessage, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { Readable } from "node:stream";
import { createSecureContext, type SecureContext } from "node:tls";
import { interrupted } from "../../base/errors.ts";
import { networkError, timedOut } from "./fetch_transport.ts";
import type { HttpRequest, HttpResponse } from "./transport.ts";

export interface NodeRequestOptions {
  /** Milliseconds without a response after which the request fails. */
  readonly stallTimeout: number;
  readonly tls?: NodeTls | undefined;
}

/** Options of a TLS connection. */
export interface NodeTls {
  readonly ca: [];
  readonly rejectUnauthorized?: boolean;
  readonly secureContext?: SecureContext;
  /** The client certificate and its key, PEM. */
  readonly cert?: string;
  readonly key?: string;
}

/**
 * Accepts every certificate. Without `ca`, Node's client of Deno 2.9 lists the built-in certificates, which takes a
 * permission (`sys`, `ca`) that no flag grants by its name.
 */
export const TRUST_ANY: NodeTls = { ca: [], rejectUnauthorized: false };

/** Trusts these PEM certificates beside the built-in ones, which every context has. */
export function trusting(
  certificates: readonly string[],
  client?: { readonly cert: string; readonly key: string },
): NodeTls {
  const secureContext = createSecureContext(client);
  for (const certificate of certificates) secureContext.context.addCACert(certificate);
  return { ca: [], secureContext };
}

/**
 * Sends a request with Node's client, for the two things that the runtime's own client refuses: certificates that are
 * not checked, and the ports that browsers block. It uses no proxy.
 */
export function sendWithNode(
  request: HttpRequest,
  { stallTimeout, tls }: NodeRequestOptions,
): Promise<HttpResponse> {
  const { url, method, body, signal } = request;
  if (signal?.aborted) return Promise.reject(interrupted());
  const { promise, resolve, reject } = Promise.withResolvers<HttpResponse>();
  const options = {
    method,
    headers: { "accept-encoding": "identity", ...request.headers },
    timeout: stallTimeout,
  };
  const outgoing = url.protocol === "https:"
    ? httpsRequest(url, { ...options, ...tls })
    : httpRequest(url, options);
  const onAbort = () => outgoing.destroy(interrupted());
  signal?.addEventListener("abort", onAbort, { once: true });
  outgoing.on("timeout", () => outgoing.destroy(timedOut(url, stallTimeout)));
  outgoing.on("error", (error) => reject(networkError(error, url)));
  outgoing.on("close", () => signal?.removeEventListener("abort", onAbort));
  outgoing.on("response", (incoming) => resolve(toResponse(request, incoming)));
  outgoing.end(body);
  return promise;
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
