import { parseHostRule } from "../../../src/run/grants/outbound_rule.ts";
import type { ErrorCode } from "../../../src/run/sockets/messages.ts";
import { hostImports, type HostSettings } from "../../../src/run/wasi/host.ts";
import type { InputStream } from "../../../src/run/wasi/io/input_stream.ts";
import type { OutputStream } from "../../../src/run/wasi/io/output_stream.ts";
import type { Pollable } from "../../../src/run/wasi/io/poll.ts";
import { InstanceResources } from "../../../src/run/wasi/resources.ts";
import type { ResolveAddressStream } from "../../../src/run/wasi/sockets/lookup.ts";
import {
  type IpAddressFamily,
  type IpSocketAddress,
  ipText,
  Network,
  socketAddress,
} from "../../../src/run/wasi/sockets/network.ts";
import type { TcpSocket } from "../../../src/run/wasi/sockets/tcp.ts";
import type { UdpSocket } from "../../../src/run/wasi/sockets/udp.ts";
import { GuestHost } from "./guest_host.ts";
import { streamError, wasiError } from "./streams.ts";

type Imports = Record<string, Record<string, (...args: unknown[]) => unknown>>;

export const NETWORK = new Network();

/** A guest that uses `wasi:sockets`; disposing of it ends the guest. */
export class SocketGuest implements Disposable {
  readonly #host: GuestHost;
  readonly #resources = new InstanceResources();
  readonly #imports: Imports;

  /** @param hosts the hosts of `--allow-net` */
  constructor(hosts: readonly string[], settings: Partial<HostSettings> = {}) {
    this.#host = new GuestHost({ allowedHosts: hosts.map(parseHostRule), ...settings });
    this.#imports = hostImports(this.#host.host, this.#resources) as Imports;
  }

  get denials(): readonly string[] {
    return this.#host.denials;
  }

  tcp(family: IpAddressFamily = "ipv4"): TcpSocket {
    return this.#call("tcp-create-socket", "createTcpSocket", family) as TcpSocket;
  }

  udp(family: IpAddressFamily = "ipv4"): UdpSocket {
    return this.#call("udp-create-socket", "createUdpSocket", family) as UdpSocket;
  }

  lookUp(name: string): ResolveAddressStream {
    return this.#call("ip-name-lookup", "resolveAddresses", NETWORK, name) as ResolveAddressStream;
  }

  /** Resolves to a listening socket. */
  async listening(ip = "127.0.0.1"): Promise<TcpSocket> {
    const socket = this.tcp(ip.includes(":") ? "ipv6" : "ipv4");
    socket.startBind(NETWORK, at(ip, 0));
    await finished(socket, () => socket.finishBind());
    socket.startListen();
    socket.finishListen();
    return socket;
  }

  async connected(address: IpSocketAddress): Promise<[TcpSocket, InputStream, OutputStream]> {
    const socket = this.tcp(address.tag);
    socket.startConnect(NETWORK, address);
    return [socket, ...await finished(socket, () => socket.finishConnect())];
  }

  async bound(ip = "0.0.0.0"): Promise<UdpSocket> {
    const socket = this.udp(ip.includes(":") ? "ipv6" : "ipv4");
    socket.startBind(NETWORK, at(ip, 0));
    await finished(socket, () => socket.finishBind());
    return socket;
  }

  /** Resolves to all addresses of a name, as text. */
  async addressesOf(name: string): Promise<string[]> {
    const stream = this.lookUp(name);
    const addresses = [];
    for (;;) {
      const next = await finished(stream, () => stream.resolveNextAddress());
      if (!next) return addresses;
      addresses.push(ipText(next));
    }
  }

  /** Ends the guest, and resolves once everything that it had written is sent. */
  async end(): Promise<void> {
    this[Symbol.dispose]();
    await this.#host.host.sessions.drained();
  }

  [Symbol.dispose](): void {
    this.#resources[Symbol.dispose]();
  }

  #call(name: string, member: string, ...args: unknown[]): unknown {
    return this.#imports[`wasi:sockets/${name}`]![member]!(...args);
  }
}

/** Finishes an operation as guests do: waits and retries while it would block. */
export async function finished<T>(
  pending: { subscribe(): Pollable },
  finish: () => T,
): Promise<T> {
  for (;;) {
    try {
      return finish();
    } catch (error) {
      if (!isCode("would-block")(error)) throw error;
    }
    await pending.subscribe().block();
  }
}

/** Returns a matcher for the error-code that a guest sees, for `assert.throws` and `assert.rejects`. */
export function isCode(code: ErrorCode): (error: unknown) => boolean {
  return wasiError((payload) => payload === code);
}

/** Returns a socket address. */
export function at(ip: string, port: number): IpSocketAddress {
  return socketAddress({ ip, port });
}

/** Reads a stream to its end. */
export async function readAll(input: InputStream): Promise<Uint8Array> {
  const chunks = [];
  for (;;) {
    try {
      chunks.push(await input.blockingRead(65536n));
    } catch (error) {
      if (streamError("closed")(error)) break;
      throw error;
    }
  }
  return new Uint8Array(await new Blob(chunks as Uint8Array<ArrayBuffer>[]).arrayBuffer());
}
