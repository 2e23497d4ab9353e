import { isLoopback } from "./endpoints.ts";

const PROXY_VARIABLES = [
  "HTTP_PROXY",
  "http_proxy",
  "HTTPS_PROXY",
  "https_proxy",
  "ALL_PROXY",
  "all_proxy",
] as const;

/**
 * Whether a proxy is passed over for this URL where the runtime would use it. That is so for this machine
 * itself, as in the other registry tools: plain HTTP is spoken to it because nobody stands between. And for an
 * entry of `NO_PROXY` that the runtime does not know: one with a port, such as `registry.lan:5000`, or `*` for
 * every host. Its other entries are the runtime's to honour.
 */
export function isProxyBypassed(url: URL, noProxy: string | undefined): boolean {
  if (isLoopback(url.hostname)) return true;
  if (!noProxy) return false;
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  return noProxy.split(",").map((entry) => entry.trim().toLowerCase()).some((entry) => {
    if (entry === "*") return true;
    const match = /^\*?\.?(.+):(\d+)$/.exec(entry);
    if (!match || match[2] !== port) return false;
    const [, host] = match;
    return url.hostname === host || url.hostname.endsWith(`.${host}`);
  });
}

/** Runs `create` with no proxy in sight: the runtime reads the variables whenever it makes a client. */
export function withoutProxies<T>(create: () => T): T {
  const saved = PROXY_VARIABLES.map((name) => [name, Deno.env.get(name)] as const);
  try {
    for (const [name] of saved) Deno.env.delete(name);
    return create();
  } finally {
    for (const [name, value] of saved) if (value !== undefined) Deno.env.set(name, value);
  }
}
