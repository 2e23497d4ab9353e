import { BlockList, isIP, isIPv6 } from "node:net";
import { LarderError } from "../../base/errors.ts";
import { withoutBrackets } from "../../base/url_host.ts";
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

/** Returns the set ones of the variables that decide whether the runtime uses a proxy; none if they name no proxy. */
export function proxyVariables(
  env: { get(name: string): string | undefined },
): Record<string, string> {
  const set = (names: readonly string[]) =>
    names.flatMap((name): [string, string][] => {
      const value = env.get(name);
      return value ? [[name, value]] : [];
    });
  const proxies = set(PROXY_VARIABLES);
  return Object.fromEntries(
    proxies.length > 0 ? [...proxies, ...set(["NO_PROXY", "no_proxy"])] : [],
  );
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

/** The hint for a proxy that denies access. */
export const PROXY_LOGIN_HINT = "write USER:PASSWORD@ before the host in HTTPS_PROXY or HTTP_PROXY";

const PROXY_PROTOCOLS = ["http:", "https:", "socks5:", "socks5h:"];

/**
 * Returns the proxy through which the runtime's own client sends a request: the first that a variable names, unless
 * `NO_PROXY` has the host, one of its parent domains, its address, or a network with its address.
 *
 * @throws LarderError LDR_CONFIG if a variable names something else, which the runtime ignores silently: the request
 * would go past the proxy
 */
export function proxyFor(
  url: URL,
  env: { get(name: string): string | undefined },
): URL | undefined {
  const own = url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const names = ["ALL_PROXY", "all_proxy", own, own.toLowerCase()];
  const name = names.find((name) => env.get(name));
  if (name === undefined) return undefined;
  const noProxy = env.get("NO_PROXY") ?? env.get("no_proxy");
  if (isProxyBypassed(url, noProxy)) return undefined;
  const host = withoutBrackets(url.hostname);
  const entries = (noProxy ?? "").split(",").map((entry) => entry.trim().toLowerCase());
  const isExcepted = entries.some((entry) =>
    isIP(host) ? matchesAddress(entry, host) : matchesName(entry, host)
  );
  return isExcepted ? undefined : parseProxy(name, env.get(name)!);
}

/** Parses the value of a variable, in which the runtime takes `HOST:PORT` for an HTTP proxy. */
function parseProxy(name: string, value: string): URL {
  // The runtime ignores an address with characters that have to be percent-encoded.
  const isPlain = /^[\x21-\x7e]+$/.test(value);
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`);
  if (url && isPlain && PROXY_PROTOCOLS.includes(url.protocol) && url.hostname !== "") return url;
  // The value is not quoted, because it may contain a password.
  throw new LarderError("LDR_CONFIG", `${name} is not the address of a proxy`, {
    hint: `set ${name} to an address such as http://proxy.example:3128, or unset it`,
  });
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
