import { receivedHeaders } from "./received_headers.ts";
import type { NetworkSettings, WireRequest, WireResponse } from "./wire.ts";

const clients = new WeakMap<NetworkSettings, Deno.HttpClient>();

/**
 * Sends a request, through the proxy of the environment if there is one. The runtime joins repeated fields, and adds `accept`,
 * `accept-language` and `user-agent` unless the guest sets them.
 */
export async function sendWithFetch(
  { url, method, headers, body, signal }: WireRequest,
  network: NetworkSettings,
): Promise<WireResponse> {
  const fields = new Headers();
  for (const [name, value] of headers) fields.append(name, value);
  // Otherwise Deno requests a compressed body and decompresses it, which the guest did not ask for.
  if (!fields.has("accept-encoding")) fields.set("accept-encoding", "identity");
  const init = { method, headers: fields, body, signal, redirect: "manual" } as const;
  const response = await fetch(url, { ...init, client: clientFor(network) });
  return {
    status: response.status,
    headers: receivedHeaders(response.headers),
    body: response.body,
  };
}

function clientFor(network: NetworkSettings): Deno.HttpClient {
  const known = clients.get(network);
  if (known) return known;
  const client = Deno.createHttpClient({ caCerts: [...network.caCerts] });
  clients.set(network, client);
  return client;
}
