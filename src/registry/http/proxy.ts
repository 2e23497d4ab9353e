import { BlockList, isIP, isIPv6 } from "node:net";
import { isLoopback } from "../endpoints.ts";

const PROXY_VARIABLES = [
  "HTTP_PROXY",
  "http_proxy",
  "HTTPS_PROXY",
  "https_proxy",
  "ALL_PROXY",
  "all_proxy",
] as const;

/**
 * True if a URL is fetched without a proxy although the runtime would use one: this machine itself, as in the other
 * registry tools, and entries of `NO_PROXY` that the runtime does not support, which are those with a port, such as
 * `registry.lan:5000`, and `*` for every host. The runtime handles the other entries.
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

/** Runs `create` without the proxy variables, which the runtime reads whenever it creates a client. */
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
 * True if the runtime's own client sends an HTTPS request through a proxy: `HTTPS_PROXY` or `ALL_PROXY` names one, and
 * `NO_PROXY` has neither the host, nor one of its parent domains, nor its address, nor a network with its address.
 */
export function isProxied(url: URL, env: { get(name: string): string | undefined }): boolean {
  const names = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
  if (!names.some((name) => env.get(name))) return false;
  const noProxy = env.get("NO_PROXY") ?? env.get("no_proxy");
  if (isProxyBypassed(url, noProxy)) return false;
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const entries = (noProxy ?? "").split(",").map((entry) => entry.trim().toLowerCase());
  return !entries.some((entry) =>
    isIP(host) ? matchesAddress(entry, host) : matchesName(entry, host)
  );
}

function matchesName(entry: string, host: string): boolean {
  const domain = entry.replace(/^\*?\./, "");
  return domain !== "" && (host === domain || host.endsWith(`.${domain}`));
}

function matchesAddress(entry: string, host: string): boolean {
  const [network = "", prefix] = entry.split("/");
  if (!isIP(network)) return false;
  const family = (address: string) => isIPv6(address) ? "ipv6" : "ipv4";
  const list = new BlockList();
  try {
    if (prefix === undefined) list.addAddress(network, family(network));
    else list.addSubnet(network, Number(prefix), family(network));
  } catch {
    return false; // An invalid network, which the runtime ignores too.
  }
  return list.check(host, family(host));
}
