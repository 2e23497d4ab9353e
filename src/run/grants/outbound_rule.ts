import { SyntaxFault } from "./syntax_fault.ts";
import { type IpNetwork, isInNetwork, parseIpNetwork } from "./ip_network.ts";

/** One entry of a list of hosts that may be reached; plain data, so that a thread can be sent it. */
export interface OutboundRule {
  /** Undefined for any. */
  readonly scheme: string | undefined;
  readonly host: HostRule;
  /** Undefined for any. */
  readonly ports: PortRange | undefined;
}

export type HostRule =
  | { readonly kind: "any" }
  /** The app itself. */
  | { readonly kind: "self" }
  /** As URLs have it: lower case, in Punycode, addresses in their one form. */
  | { readonly kind: "host"; readonly host: string }
  /** The names below a domain, and not the domain itself. */
  | { readonly kind: "below"; readonly domain: string }
  | { readonly kind: "network"; readonly network: IpNetwork };

/** From the first to the last, both included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** The ports that a URL of such a scheme need not name. Source: Spin's `well_known_port`. */
const DEFAULT_PORTS: ReadonlyMap<string, number> = new Map([
  ["http", 80],
  ["https", 443],
  ["mqtt", 1883],
  ["mysql", 3306],
  ["postgres", 5432],
  ["redis", 6379],
]);

const MAX_PORT = 65_535;

/** URLs may have more in a host than any name that there is, and than Deno takes. */
const HOST = /^(?:\[.+\]|[\w-]+(?:\.[\w-]+)*\.?)$/;

/** Whether a request to the URL falls under the rule, if it is not one to the app itself. */
export function ruleAllows(rule: OutboundRule, url: URL): boolean {
  const scheme = url.protocol.slice(0, -1);
  if (rule.scheme !== undefined && rule.scheme !== scheme) return false;
  const port = url.port === "" ? DEFAULT_PORTS.get(scheme) : Number(url.port);
  return hostAllows(rule.host, url.hostname.toLowerCase()) && portsAllow(rule.ports, port);
}

/**
 * Whether a socket to a host falls under the rule.
 * @param host a name or an address, as URLs have it
 * @param port undefined for all of them
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

/** Whether some port of a host falls under the rule, for sockets of either kind. */
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
    case "below":
      return host.endsWith(`.${rule.domain}`);
    case "network":
      return isInNetwork(host, rule.network);
  }
}

function portsAllow(ports: PortRange | undefined, port: number | undefined): boolean {
  return !ports || (port !== undefined && port >= ports.first && port <= ports.last);
}

/**
 * Reads `https://example.com`, `http://*.example.com:8080`, `*://10.0.0.0/8:*`.
 * Source: Spin's outbound-networking-config crate, `AllowedHostConfig`.
 * @throws BadText
 */
export function parseOutboundRule(text: string): OutboundRule {
  const [, scheme, authority] = /^([^:]*):\/\/(.*)$/s.exec(text.trim()) ?? [];
  if (scheme === undefined) {
    throw new SyntaxFault("it has no scheme in front, neither https:// nor *://");
  }
  if (!/^(?:\*|[a-z]+)$/i.test(scheme)) throw new SyntaxFault("its scheme is not of letters");
  const { host, ports } = parseAuthority(authority!);
  const name = scheme === "*" ? undefined : scheme.toLowerCase();
  if (ports !== "default") return { scheme: name, host, ports };
  if (name === undefined) {
    throw new SyntaxFault("with any scheme it needs a port, such as :443 or :*");
  }
  const port = DEFAULT_PORTS.get(name);
  if (port === undefined) {
    throw new SyntaxFault("it needs a port, since its scheme has no usual one");
  }
  return { scheme: name, host, ports: { first: port, last: port } };
}

/**
 * Reads a host and a port, for any scheme; without a port, any will do.
 * @throws BadText
 */
export function parseHostRule(text: string): OutboundRule {
  if (text.includes("://")) throw new SyntaxFault("it has a scheme, and hosts are allowed for any");
  const { host, ports } = parseAuthority(text.trim());
  return { scheme: undefined, host, ports: ports === "default" ? undefined : ports };
}

function parseAuthority(
  text: string,
): { host: HostRule; ports: OutboundRule["ports"] | "default" } {
  const [, host, port = ""] = /^(.*?)(?::([*.\d]*))?\/*$/s.exec(text)!;
  return { host: parseHost(host!.trim()), ports: port === "" ? "default" : parsePorts(port) };
}

/** `*`, `80`, or `8000..9000`, which ends before 9000. */
function parsePorts(text: string): PortRange | undefined {
  if (text === "*") return undefined;
  const [, first, end] = /^(\d{1,5})(?:\.\.(\d{1,5}))?$/.exec(text) ?? [];
  if (first === undefined || Math.max(Number(first), Number(end ?? 0)) > MAX_PORT) {
    throw new SyntaxFault(
      `its port is neither a number up to ${MAX_PORT}, nor a range of them, nor *`,
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
  if (/^(?:\[.*|[\d.]+)$/.test(domain)) throw new SyntaxFault("only names can have a * in front");
  return { kind: "below", domain };
}

/** A host as URLs have it, so that both can be compared as they stand. */
function canonicalHost(text: string): string {
  if (text.includes("*")) {
    throw new SyntaxFault("a * stands for a whole host, or for what is before a dot");
  }
  if (/[/\\?#]/.test(text)) throw new SyntaxFault("it has a path");
  if (text.includes("@")) throw new SyntaxFault("it has a user name");
  // What would be read as a port, decoded or dropped, and lists, which Spin does not have.
  const isPlain = !/[\s%{},]/.test(text) && (!text.includes(":") || /^\[[^\]]*\]$/.test(text));
  const host = isPlain && URL.parse(`http://${text}`)?.hostname;
  if (!host || !HOST.test(host)) throw new SyntaxFault("it is not a host name or address");
  return host;
}
