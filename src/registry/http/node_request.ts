import { type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createSecureContext, type SecureContext } from "node:tls";
import { interrupted } from "../../base/errors.ts";
import type { CheckAddress } from "./checked_address.ts";
import { checkedLookup } from "./checked_lookup.ts";
import { networkError, timedOut } from "./fetch_transport.ts";
import type { HttpRequest, HttpResponse, UploadContent } from "./transport.ts";

export interface NodeRequestOptions {
  /** Milliseconds without a response after which the request fails. */
  readonly stallTimeout: number;
  readonly checkAddress?: CheckAddress | undefined;
  readonly tls?: NodeTls | undefined;
}

/** Milliseconds after which a connection without a request is closed, as in Node's own agents. */
const IDLE_TIMEOUT = 5000;

/** Options of a TLS connection. */
export interface NodeTls {
  readonly ca: string[];
  readonly rejectUnauthorized?: boolean;
  readonly secureContext?: SecureContext;
  /** Keeps connections, which the shared agent would also use for requests that trust other certificates. */
  readonly agent?: Agent;
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
  const agent = new Agent({ keepAlive: true, timeout: IDLE_TIMEOUT });
  const secureContext = createSecureContext(client);
  // Deno 2.4 has no contexts, and adds `ca` to the built-in certificates.
  if (!secureContext.context) return { ca: [...certificates], agent, ...client };
  for (const certificate of certificates) secureContext.context.addCACert(certificate);
  return { ca: [], secureContext, agent };
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

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Like `Readable.toWeb`, whose `cancel` ends the process in Deno 2.4. Readers bring a buffer of their own. The
 * memory of a chunk is freed when it has been copied to that buffer, and that of what the socket has read when it has been
 * parsed, which copies it too. Left to the garbage collector, they took 150 MiB for six downloads.
 */
export function bodyStream(incoming: IncomingMessage): ReadableStream<Uint8Array> {
  const chunks = incoming[Symbol.asyncIterator]() as AsyncIterator<Bytes, undefined>;
  let chunk: Bytes | undefined;
  const { socket } = incoming;
  // It comes after the listener that parses, which is there from before the response until its end.
  socket.on("data", free);
  incoming.once("end", () => socket.off("data", free));
  return new ReadableStream({
    type: "bytes",
    async pull(controller) {
      chunk ??= (await chunks.next()).value;
      const request = controller.byobRequest;
      if (!chunk) {
        controller.close();
        request?.respond(0);
        return;
      }
      const taken = request?.view?.byteLength ?? chunk.length;
      const part = chunk.subarray(0, taken);
      if (request?.view) {
        new Uint8Array(request.view.buffer, request.view.byteOffset).set(part);
        request.respond(part.length);
      } else controller.enqueue(new Uint8Array(part));
      if (part.length === chunk.length) free(chunk);
      chunk = part.length < chunk.length ? chunk.subarray(taken) : undefined;
    },
    cancel() {
      incoming.destroy();
    },
  });
}

/** Frees memory, unless it is a part of a buffer of which others may have parts. */
function free({ buffer, byteLength }: Bytes): void {
  if (byteLength === buffer.byteLength) buffer.transfer(0);
}
