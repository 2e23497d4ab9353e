import { type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { interrupted } from "../../../../base/errors.ts";
import { bodyStream } from "./body_stream.ts";
import type { CheckAddress } from "./checked_address.ts";
import { checkedLookup } from "./checked_lookup.ts";
import type { NodeTls } from "./node_tls.ts";
import { networkError, timedOut } from "../../network_error.ts";
import type { HttpRequest, HttpResponse, UploadContent } from "../../transport.ts";

export interface NodeRequestOptions {
  /** Milliseconds without a response after which the request fails. */
  readonly stallTimeout: number;
  readonly checkAddress?: CheckAddress | undefined;
  readonly tls?: NodeTls | undefined;
}

/**
 * Sends a request with Node's client, for what the runtime's own client cannot do: certificates that are not checked,
 * ports that browsers block, and addresses that are checked. It uses no proxy.
 */
export async function sendWithNode(
  request: HttpRequest,
  { stallTimeout, checkAddress, tls }: NodeRequestOptions,
): Promise<HttpResponse> {
  const { url, method, body, content, signal } = request;
  if (signal?.aborted) throw interrupted();
  const { promise, resolve, reject } = Promise.withResolvers<HttpResponse>();
  const options = {
    method,
    headers: {
      "accept-encoding": "identity",
      ...content && { "content-length": String(content.size) },
      ...request.headers,
    },
    timeout: stallTimeout,
    ...checkAddress && { lookup: checkedLookup(url, checkAddress) },
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
  if (content) sendContent(outgoing, content).catch((error) => reject(networkError(error, url)));
  else outgoing.end(body);
  return await promise;
}

/**
 * Streams a body: its memory stays flat, while the runtime's own client would leave out the length, and servers of S3
 * answer 411. A server that has answered already may close the connection before the end.
 */
async function sendContent(outgoing: ClientRequest, { open }: UploadContent): Promise<void> {
  await pipeline(Readable.from(open(), { objectMode: false }), outgoing);
}

function toResponse(request: HttpRequest, incoming: IncomingMessage): HttpResponse {
  const headers = new Headers();
  for (let i = 0; i + 1 < incoming.rawHeaders.length; i += 2) {
    headers.append(incoming.rawHeaders[i]!, incoming.rawHeaders[i + 1]!);
  }
  const body = request.method === "HEAD" ? null : bodyStream(incoming);
  if (!body) incoming.resume();
  return { url: request.url.href, status: incoming.statusCode ?? 0, headers, body };
}
