import { type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { createSecureContext } from "node:tls";
import { bodyStream } from "../../../registry/http/clients/node/body_stream.ts";
import { type NodeTls, TRUST_ANY, trusting } from "../../../registry/http/clients/node/node_tls.ts";
import type { HeaderList } from "./fields.ts";
import { HttpFailure } from "./types.ts";
import type { NetworkSettings, WireRequest, WireResponse } from "./wire.ts";

const trusts = new WeakMap<NetworkSettings, NodeTls>();

/**
 * False for Node's client of Deno 2.4, which can be told by its empty TLS contexts: it sends some requests without a body
 * never, and accepts no certificate that it does not trust.
 */
export function canSendWithNode(): boolean {
  return isCurrent ??= createSecureContext().context !== undefined;
}

let isCurrent: boolean | undefined;

/** Sends a request without a proxy. The runtime repeats it if a connection that it uses again turns out to be closed. */
export async function sendWithNode(
  request: WireRequest,
  network: NetworkSettings,
): Promise<WireResponse> {
  const { url, method, headers, body, trailers, signal } = request;
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const options = { method, headers: valuesByName(headers) };
  const outgoing = url.protocol === "https:"
    ? httpsRequest(url, { ...options, ...trustOf(network) })
    : httpRequest(url, options);
  outgoing.removeHeader("connection");
  const onAbort = () => outgoing.destroy(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  outgoing.on("close", () => signal.removeEventListener("abort", onAbort));
  // The status 101, for which a guest cannot ask; without a listener there would be no event.
  outgoing.on("upgrade", (_incoming, socket) => {
    socket.destroy();
    reject(new HttpFailure({ tag: "HTTP-protocol-error" }));
  });
  outgoing.on("error", reject);
  outgoing.on("response", resolve);
  if (body) sendBody(outgoing, body, trailers).catch((error) => outgoing.destroy(error));
  else outgoing.end();
  const incoming = await promise;
  return {
    status: incoming.statusCode!,
    headers: pairsOf(incoming.rawHeaders),
    body: bodyStream(incoming),
    trailers: () => pairsOf(incoming.rawTrailers),
  };
}

/** Returns the values of each field. Node writes fields with several values as several lines. */
function valuesByName(headers: HeaderList): Record<string, string[]> {
  const values = new Map<string, string[]>();
  for (const [name, value] of headers) {
    const key = name.toLowerCase();
    const known = values.get(key);
    if (known) known.push(value);
    else values.set(key, [value]);
  }
  return Object.fromEntries(values);
}

function pairsOf(raw: readonly string[]): HeaderList {
  return Array.from(
    { length: raw.length / 2 },
    (_, i) => [raw[2 * i]!.toLowerCase(), raw[2 * i + 1]!],
  );
}

async function sendBody(
  outgoing: ClientRequest,
  body: ReadableStream<Uint8Array>,
  trailers: WireRequest["trailers"],
): Promise<void> {
  // For methods that usually have no body, Node would send it without a length.
  if (!outgoing.hasHeader("content-length")) outgoing.setHeader("transfer-encoding", "chunked");
  for await (const bytes of body) {
    if (!outgoing.write(bytes)) await drained(outgoing);
    if (outgoing.destroyed) return;
  }
  // Node leaves them out without chunks, which have a place for them.
  const fields = trailers().map(([name, value]): [string, string] => [name, value]);
  if (fields.length > 0) outgoing.addTrailers(fields);
  outgoing.end();
}

/** Resolves when a request takes more of its body, or is closed. */
function drained(outgoing: ClientRequest): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const settle = () => {
    outgoing.off("drain", settle).off("close", settle);
    resolve();
  };
  outgoing.on("drain", settle).on("close", settle);
  return promise;
}

function trustOf(network: NetworkSettings): NodeTls {
  const known = trusts.get(network);
  if (known) return known;
  const trust = network.insecure ? TRUST_ANY : trusting(network.caCerts);
  trusts.set(network, trust);
  return trust;
}
