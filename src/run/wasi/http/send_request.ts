import type { NetworkSettings, WireRequest, WireResponse } from "./wire.ts";

/**
 * Sends a request with Node's client, because `fetch` adds fields and joins repeated ones. Only `fetch` can use a proxy.
 * Both are loaded when a guest sends its first request: they take 8 MB of memory in each thread.
 *
 * @throws the error of the runtime, or the reason of the signal
 */
export async function sendRequest(
  request: WireRequest,
  network: NetworkSettings,
): Promise<WireResponse> {
  if (!await isProxied(request.url, network)) {
    const { canSendWithNode, sendWithNode } = await import("./node_client.ts");
    if (canSendWithNode()) return await sendWithNode(request, network);
  }
  const { sendWithFetch } = await import("./fetch_client.ts");
  return await sendWithFetch(request, network);
}

async function isProxied(url: URL, { proxies }: NetworkSettings): Promise<boolean> {
  if (Object.keys(proxies).length === 0) return false;
  const { proxyFor } = await import("../../../registry/http/proxy.ts");
  return proxyFor(url, { get: (name) => proxies[name] }) !== undefined;
}
