import { proxyFor } from "../../../registry/http/proxy.ts";
import { sendWithFetch } from "./fetch_client.ts";
import { canSendWithNode, sendWithNode } from "./node_client.ts";
import type { NetworkSettings, WireRequest, WireResponse } from "./wire.ts";

/**
 * Sends a request with Node's client, because `fetch` adds fields and joins repeated ones. Only `fetch` can use a proxy.
 *
 * @throws the error of the runtime, or the reason of the signal
 */
export async function sendRequest(
  request: WireRequest,
  network: NetworkSettings,
): Promise<WireResponse> {
  if (!isProxied(request.url, network) && canSendWithNode()) {
    return await sendWithNode(request, network);
  }
  return await sendWithFetch(request, network);
}

function isProxied(url: URL, { proxies }: NetworkSettings): boolean {
  return proxyFor(url, { get: (name) => proxies[name] }) !== undefined;
}
