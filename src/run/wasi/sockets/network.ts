import { canonicalIp, type Endpoint, isMappedIp, isUnspecifiedIp } from "../../grants/endpoint.ts";
import { ipv6Groups } from "../../grants/ip_network.ts";
import { type ErrorCode, SocketFailure } from "../../sockets/messages.ts";
import { WasiError } from "../errors.ts";
import { IoError } from "../io/error.ts";

/** `network` of `wasi:sockets/network`. It grants nothing by itself: grants belong to the guest. */
export class Network {}

export type IpAddressFamily = "ipv4" | "ipv6";

/** `ip-address` of `wasi:sockets/network`: four bytes, or eight groups of 16 bits. */
export interface IpAddress {
  readonly tag: IpAddressFamily;
  readonly val: readonly number[];
}

/** `ip-socket-address` of `wasi:sockets/network`. */
export type IpSocketAddress =
  | { readonly tag: "ipv4"; readonly val: { port: number; address: readonly number[] } }
  | {
    readonly tag: "ipv6";
    readonly val: { port: number; flowInfo: number; address: readonly number[]; scopeId: number };
  };

/** `network-error-code` of `wasi:sockets/network`: the code of a stream's error; undefined unless a socket caused it. */
export function networkErrorCode(error: IoError): ErrorCode | undefined {
  const cause = IoError.causeOf(error);
  return cause instanceof SocketFailure ? guestCode(cause) : undefined;
}

/** Returns the code of a failure that is not reported by a stream, where a broken pipe would be the end. */
export function guestCode({ code }: SocketFailure): ErrorCode {
  return code === "broken-pipe" ? "connection-aborted" : code;
}

/** Formats an address in the canonical form of URLs, without brackets. */
export function ipText({ tag, val }: IpAddress): string {
  if (tag === "ipv4") return val.join(".");
  return canonicalIp(val.map((group) => group.toString(16)).join(":"));
}

/** Parses an address in the form of {@link ipText}. */
export function ipAddress(ip: string): IpAddress {
  if (!ip.includes(":")) return { tag: "ipv4", val: ip.split(".").map(Number) };
  return { tag: "ipv6", val: ipv6Groups(ip) };
}

export function socketAddress({ ip, port }: Endpoint): IpSocketAddress {
  const { tag, val: address } = ipAddress(ip);
  return tag === "ipv4"
    ? { tag, val: { port, address } }
    : { tag, val: { port, flowInfo: 0, address, scopeId: 0 } };
}

/**
 * Returns the endpoint to bind a socket of the family to.
 * @throws WasiError with `invalid-argument` for another family or an IPv4-mapped IPv6 address
 */
export function localEndpoint(address: IpSocketAddress, family: IpAddressFamily): Endpoint {
  const { tag, val } = address;
  const endpoint = { ip: ipText({ tag, val: val.address }), port: val.port };
  if (tag !== family || isMappedIp(endpoint.ip)) throw new WasiError("invalid-argument");
  return endpoint;
}

/**
 * Returns the endpoint that a socket of the family is to reach.
 * @throws WasiError with `invalid-argument` also for port 0 and the unspecified address
 */
export function remoteEndpoint(address: IpSocketAddress, family: IpAddressFamily): Endpoint {
  const endpoint = localEndpoint(address, family);
  if (endpoint.port === 0 || isUnspecifiedIp(endpoint.ip)) throw new WasiError("invalid-argument");
  return endpoint;
}

/** True for the address of one host, as both ends of a connection must be; false for multicast and broadcast. */
export function isUnicast(ip: string): boolean {
  if (ip.includes(":")) return !/^ff[\da-f]{2}:/.test(ip);
  const first = Number(ip.split(".")[0]);
  return (first < 224 || first > 239) && ip !== "255.255.255.255";
}
