import { urlHost } from "../../base/url_host.ts";
/** An IP address and a port, as plain data that can be sent to threads. */
export interface Endpoint {
  /** In the canonical form of URLs, without brackets. */
  readonly ip: string;
  readonly port: number;
}

export type Transport = "tcp" | "udp";

/** Formats `127.0.0.1:80` or `[::1]:80`. */
export function formatEndpoint({ ip, port }: Endpoint): string {
  return `${urlHost(ip)}:${port}`;
}

/** Converts an address of Deno, whose IPv6 addresses can have other forms and a zone. */
export function endpointOf({ hostname, port }: Deno.NetAddr): Endpoint {
  return { ip: canonicalIp(hostname), port };
}

/** Returns an IP address in the canonical form of URLs, without brackets. */
export function canonicalIp(text: string): string {
  if (!text.includes(":")) return text;
  return new URL(`http://[${text.replace(/%.*$/, "")}]`).hostname.slice(1, -1);
}

/** True if the system is to choose both address and port. */
export function isUnspecified({ ip, port }: Endpoint): boolean {
  return port === 0 && isUnspecifiedIp(ip);
}

export function isUnspecifiedIp(ip: string): boolean {
  return ip === "0.0.0.0" || ip === "::";
}

/** True for an IPv4-mapped IPv6 address (`::ffff:a.b.c.d`), which WASI sockets refuse. */
export function isMappedIp(ip: string): boolean {
  return /^::ffff:[\da-f]+:[\da-f]+$/.test(ip);
}

export function isSameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return a.ip === b.ip && a.port === b.port;
}
