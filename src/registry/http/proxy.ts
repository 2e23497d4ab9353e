import { isLoopback } from "../endpoints.ts";
import { BlockList, isIP, isIPv6 } from "node:net";

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

/**
 * Whether the runtime's own client sends an HTTPS request through a proxy: `HTTPS_PROXY` or `ALL_PROXY` names one,
 * and `NO_PROXY` does not name the host, a domain that it is in, its address or a network.
 */
export function isProxied(url: URL, env: { get(name: string): string | undefined }): boolean {
  const names = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
  if (!names.some((name) => env.get(name))) return false;
  const noProxy = env.get("NO_PROXY") ?? env.get("no_proxy");
  if (isProxyBypassed(url, noProxy)) return false;
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const entries = (noProxy ?? "").split(",").map((entry) => entry.trim().toLowerCase());
  return !entries.some((entry) => isIP(host) ? hasAddress(entry, host) : hasName(entry, host));
}

function hasName(entry: string, host: string): boolean {
  const domain = entry.replace(/^\*?\./, "");
  return domain !== "" && (host === domain || host.endsWith(`.${domain}`));
}

function hasAddress(entry: string, host: string): boolean {
  const [network = "", prefix] = entry.split("/");
  if (!isIP(network)) return false;
  const family = (address: string) => isIPv6(address) ? "ipv6" : "ipv4";
  const list = new BlockList();
  try {
    if (prefix === undefined) list.addAddress(network, family(network));
    else list.addSubnet(network, Number(prefix), family(network));
  } catch {
    return false; // No network: the runtime passes it over too.
  }
  return list.check(host, family(host));
}
