import { type IpNetwork, isInNetwork, parseIpNetwork } from "./ip_network.ts";
import { SyntaxFault } from "./syntax_fault.ts";

/** An entry of a list of allowed hosts, as plain data that can be sent to threads. */
export interface OutboundRule {
  /** Undefined for every scheme. */
  readonly scheme: string | undefined;
  readonly host: HostRule;
  /** Undefined for every port. */
  readonly ports: PortRange | undefined;
}

export type HostRule =
  | { readonly kind: "any" }
  /** The app itself. */
  | { readonly kind: "self" }
  /** In the form of URLs: lower case, Punycode, canonical addresses. */
  | { readonly kind: "host"; readonly host: string }
  /** The subdomains of a domain, without the domain itself. */
  | { readonly kind: "subdomains"; readonly domain: string }
  | { readonly kind: "network"; readonly network: IpNetwork };

/** A range of ports that includes both ends. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** Default ports by scheme. Source: Spin's `well_known_port`. */
const DEFAULT_PORTS: ReadonlyMap<string, number> = new Map([
  ["http", 80],
  ["https", 443],
  ["mqtt", 1883],
  ["mysql", 3306],
  ["postgres", 5432],
  ["redis", 6379],
]);

const MAX_PORT = 65_535;

/** Hosts that Deno accepts as permissions, which are fewer than those that URLs can have. */
const HOST = /^(?:\[.+\]|[\w-]+(?:\.[\w-]+)*\.?)$/;

/** True if the rule allows a request to a URL other than the app itself. */
export function ruleAllows(rule: OutboundRule, url: URL): boolean {
  const scheme = url.protocol.slice(0, -1);
  if (rule.scheme !== undefined && rule.scheme !== scheme) return false;
  const port = url.port === "" ? DEFAULT_PORTS.get(scheme) : Number(url.port);
  return hostAllows(rule.host, url.hostname.toLowerCase()) && portsAllow(rule.ports, port);
}

/**
 * True if the rule allows a socket to a host.
 * @param host a name or an address, in the form of URLs
 * @param port undefined for all ports
 */
export function ruleAllowsSocket(
  rule: OutboundRule,
  scheme: "tcp" | "udp",
  host: string,
  port: number | undefined,
): boolean {
  return (rule.scheme ?? scheme) === scheme && hostAllows(rule.host, host) &&
    portsAllow(rule.ports, port);
}

/** True if the rule allows a socket to at least one port of a host. */
export function ruleAllowsName(rule: OutboundRule, host: string): boolean {
  return [undefined, "tcp", "udp"].includes(rule.scheme) && hostAllows(rule.host, host);
}

function hostAllows(rule: HostRule, host: string): boolean {
  if (host === "") return false;
  switch (rule.kind) {
    case "any":
      return true;
    case "self":
      return false;
    case "host":
      return host === rule.host;
    case "subdomains":
      return host.endsWith(`.${rule.domain}`);
    case "network":
      return isInNetwork(host, rule.network);
  }
}

function portsAllow(ports: PortRange | undefined, port: number | undefined): boolean {
  return !ports || (port !== undefined && port >= ports.first && port <= ports.last);
}

/**
 * Parses `https://example.com`, `http://*.example.com:8080`, `*://10.0.0.0/8:*`.
 * Source: Spin's outbound-networking-config crate, `AllowedHostConfig`.
 * @throws SyntaxFault
 */
export function parseOutboundRule(text: string): OutboundRule {
  const [, scheme, authority] = /^([^:]*):\/\/(.*)$/s.exec(text.trim()) ?? [];
  if (scheme === undefined) {
    throw new SyntaxFault("it has no scheme, such as https:// or *://");
  }
  if (!/^(?:\*|[a-z]+)$/i.test(scheme)) {
    throw new SyntaxFault("its scheme has other characters than letters");
  }
  const { host, ports } = parseAuthority(authority!);
  const name = scheme === "*" ? undefined : scheme.toLowerCase();
  if (ports !== "default") return { scheme: name, host, ports };
  if (name === undefined) {
    throw new SyntaxFault("with *:// it needs a port, such as :443 or :*");
  }
  const port = DEFAULT_PORTS.get(name);
  if (port === undefined) {
    throw new SyntaxFault("it needs a port, because its scheme has no default port");
  }
  return { scheme: name, host, ports: { first: port, last: port } };
}

/**
 * Parses a host with an optional port, for every scheme; without a port, every port is allowed.
 * @throws SyntaxFault
 */
export function parseHostRule(text: string): OutboundRule {
  if (text.includes("://")) {
    throw new SyntaxFault("it has a scheme, but hosts are allowed for all schemes");
  }
  const { host, ports } = parseAuthority(text.trim());
  return { scheme: undefined, host, ports: ports === "default" ? undefined : ports };
}

function parseAuthority(
  text: string,
): { host: HostRule; ports: OutboundRule["ports"] | "default" } {
  const [, host, port = ""] = /^(.*?)(?::([*.\d]*))?\/*$/s.exec(text)!;
  return { host: parseHost(host!.trim()), ports: port === "" ? "default" : parsePorts(port) };
}

/** Parses `*`, `80`, or `8000..9000`, which excludes 9000. */
function parsePorts(text: string): PortRange | undefined {
  if (text === "*") return undefined;
  const [, first, end] = /^(\d{1,5})(?:\.\.(\d{1,5}))?$/.exec(text) ?? [];
  if (first === undefined || Math.max(Number(first), Number(end ?? 0)) > MAX_PORT) {
    throw new SyntaxFault(
      `its port is not a number up to ${MAX_PORT}, a range such as 8000..9000, or *`,
    );
  }
  return { first: Number(first), last: end === undefined ? Number(first) : Number(end) - 1 };
}

function parseHost(text: string): HostRule {
  if (text === "*") return { kind: "any" };
  if (text === "self" || text === "self.alt") return { kind: "self" };
  const network = parseIpNetwork(text);
  if (network) return { kind: "network", network };
  if (!text.startsWith("*.")) return { kind: "host", host: canonicalHost(text) };
  const domain = canonicalHost(text.slice(2));
  if (/^(?:\[.*|[\d.]+)$/.test(domain)) {
    throw new SyntaxFault("only a host name can begin with *., not an address");
  }
  return { kind: "subdomains", domain };
}

/** Returns a host in the form of URLs, so that the two can be compared as strings. */
function canonicalHost(text: string): string {
  if (text.includes("*")) {
    throw new SyntaxFault("* can only be the whole host, or its beginning as in *.example.com");
  }
  if (/[/\\?#]/.test(text)) throw new SyntaxFault("it has a path");
  if (text.includes("@")) throw new SyntaxFault("it has a user name");
  // URL would read these as a port, decode them or drop them; lists in braces are not part of Spin's syntax.
  const isPlain = !/[\s%{},]/.test(text) && (!text.includes(":") || /^\[[^\]]*\]$/.test(text));
  const host = isPlain && URL.parse(`http://${text}`)?.hostname;
  if (!host || !HOST.test(host)) throw new SyntaxFault("it is not a host name or address");
  return host;
}
