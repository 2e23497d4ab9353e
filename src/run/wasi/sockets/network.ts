import { canonicalIp, type Endpoint, isMappedIp, isUnspecifiedIp } from "../../grants/endpoint.ts";
import { type ErrorCode, SocketFailure } from "../../sockets/messages.ts";
import { ipv6Groups } from "../../grants/ip_network.ts";
import { IoError } from "../io/error.ts";
import { WasiError } from "../errors.ts";

/** `wasi:sockets/network`'s network. There is one; what a guest may do in it depends on its grants. */
export class Network {}

export type IpAddressFamily = "ipv4" | "ipv6";

/** `wasi:sockets/network`'s ip-address: four bytes, or eight groups of 16 bits. */
export interface IpAddress {
  readonly tag: IpAddressFamily;
  readonly val: readonly number[];
}

/** `wasi:sockets/network`'s ip-socket-address. */
export type IpSocketAddress =
  | { readonly tag: "ipv4"; readonly val: { port: number; address: readonly number[] } }
  | {
    readonly tag: "ipv6";
    readonly val: { port: number; flowInfo: number; address: readonly number[]; scopeId: number };
  };

/** `network-error-code`: what a stream's error was on the network. */
export function networkErrorCode(error: IoError): ErrorCode | undefined {
  const cause = IoError.causeOf(error);
  return cause instanceof SocketFailure ? guestCode(cause) : undefined;
}

/** What a guest is told of a failure that is not a stream's. */
export function guestCode({ code }: SocketFailure): ErrorCode {
  return code === "broken-pipe" ? "connection-aborted" : code;
}

/** An address as text, in the one form that URLs have it in. */
export function ipText({ tag, val }: IpAddress): string {
  if (tag === "ipv4") return val.join(".");
  return canonicalIp(val.map((group) => group.toString(16)).join(":"));
}

/** The address of such a text. */
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
 * What a socket of the family is to be bound to.
 * @throws Refused with `invalid-argument`
 */
export function localEndpoint(address: IpSocketAddress, family: IpAddressFamily): Endpoint {
  const { tag, val } = address;
  const endpoint = { ip: ipText({ tag, val: val.address }), port: val.port };
  if (tag !== family || isMappedIp(endpoint.ip)) throw new WasiError("invalid-argument");
  return endpoint;
}

/**
 * What a socket of the family is to reach.
 * @throws Refused with `invalid-argument`
 */
export function remoteEndpoint(address: IpSocketAddress, family: IpAddressFamily): Endpoint {
  const endpoint = localEndpoint(address, family);
  if (endpoint.port === 0 || isUnspecifiedIp(endpoint.ip)) throw new WasiError("invalid-argument");
  return endpoint;
}

/** Whether an address stands for one host, as both ends of a connection do. */
export function isUnicast(ip: string): boolean {
  if (ip.includes(":")) return !/^ff[\da-f]{2}:/.test(ip);
  const first = Number(ip.split(".")[0]);
  return (first < 224 || first > 239) && ip !== "255.255.255.255";
}
