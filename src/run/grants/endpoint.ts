/** An IP address and a port, as text and number so that threads can send it to each other. */
export interface Endpoint {
  /** In the one form that URLs have it in, without their brackets. */
  readonly ip: string;
  readonly port: number;
}

export type Transport = "tcp" | "udp";

/** As a URL has it: an IPv6 address in brackets. */
export function urlHost(ip: string): string {
  return ip.includes(":") ? `[${ip}]` : ip;
}

/** `127.0.0.1:80`, `[::1]:80`. */
export function formatEndpoint({ ip, port }: Endpoint): string {
  return `${urlHost(ip)}:${port}`;
}

/** The endpoint that Deno tells, which may write IPv6 addresses in other ways, and with a zone. */
export function endpointOf({ hostname, port }: Deno.NetAddr): Endpoint {
  return { ip: canonicalIp(hostname), port };
}

/** An IP address in the one form that URLs have it in, without brackets. */
export function canonicalIp(text: string): string {
  if (!text.includes(":")) return text;
  return new URL(`http://[${text.replace(/%.*$/, "")}]`).hostname.slice(1, -1);
}

/** Whether it leaves both address and port to the system. */
export function isUnspecified({ ip, port }: Endpoint): boolean {
  return port === 0 && isUnspecifiedIp(ip);
}

export function isUnspecifiedIp(ip: string): boolean {
  return ip === "0.0.0.0" || ip === "::";
}

/** Whether it is an IPv4 address in the clothes of an IPv6 one, with which WASI's sockets have nothing to do. */
export function isMappedIp(ip: string): boolean {
  return /^::ffff:[\da-f]+:[\da-f]+$/.test(ip);
}

export function isSameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return a.ip === b.ip && a.port === b.port;
}
