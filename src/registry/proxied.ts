import { BlockList, isIP, isIPv6 } from "node:net";
import { isProxyBypassed } from "./proxy.ts";

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
