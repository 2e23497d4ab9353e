import { within } from "../../base/concurrency.ts";
/** Sockets of the system, opened through Deno. */
import { GUEST_READ_AHEAD } from "../../base/limits.ts";
import { canonicalIp, type Endpoint, endpointOf, isMappedIp } from "../grants/endpoint.ts";
import type { ConnectionEnds, Datagram } from "./messages.ts";

/** Milliseconds for sending what was written before a connection was closed. */
const LINGER_TIME = 10_000;

/** 64 KiB receive buffer: more than any datagram holds. */
const DATAGRAM_BUFFER = 64 * 1024;

/** A connection that is being established. */
export class PendingConnection {
  readonly #stop = new AbortController();

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  close(): void {
    this.abort();
  }

  abort(): void {
    this.#stop.abort();
  }
}

/** A TCP connection. */
export class Connection {
  readonly #conn: Deno.TcpConn;
  /** Resolves when the last write is done; each write waits for the one before it. */
  #tail: Promise<void> = Promise.resolve();

  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    // WASI has no option for it, and guests choose the size of their writes themselves.
    conn.setNoDelay(true);
  }

  /** @param signal aborts the attempt */
  static async to({ ip, port }: Endpoint, signal: AbortSignal): Promise<Connection> {
    const conn = await Deno.connect({ hostname: ip, port, signal });
    return new Connection(conn);
  }

  get ends(): ConnectionEnds {
    return { local: endpointOf(this.#conn.localAddr), remote: endpointOf(this.#conn.remoteAddr) };
  }

  /** Reads some bytes; null at the end. */
  async read(atMost: number): Promise<Uint8Array<ArrayBuffer> | null> {
    const buffer = new Uint8Array(Math.min(atMost, GUEST_READ_AHEAD));
    const count = await this.#conn.read(buffer);
    if (count === null) return null;
    // The whole buffer moves to the guest's thread: a mostly empty one would waste memory there.
    return count < buffer.length / 2 ? buffer.slice(0, count) : buffer.subarray(0, count);
  }

  /** Resolves once the system has taken the bytes. */
  write(bytes: Uint8Array): Promise<void> {
    return this.#after(async () => {
      for (let count = 0; count < bytes.length;) {
        count += await this.#conn.write(bytes.subarray(count));
      }
    });
  }

  finish(): Promise<void> {
    return this.#after(() => this.#conn.closeWrite());
  }

  keepAlive(isOn: boolean): void {
    this.#conn.setKeepAlive(isOn);
  }

  /** Closes the connection once everything is written, or after {@link LINGER_TIME} milliseconds. */
  async close(): Promise<void> {
    await within(LINGER_TIME, this.#tail);
    this.abort();
  }

  abort(): void {
    tryClose(this.#conn);
  }

  #after(step: () => Promise<void>): Promise<void> {
    const done = this.#tail.then(step);
    this.#tail = done.catch(() => {});
    return done;
  }
}

/** A listening TCP socket. */
export class Listener {
  readonly #listener: Deno.TcpListener;
  readonly #acceptsIpv4: boolean;

  constructor({ ip, port }: Endpoint) {
    this.#listener = Deno.listen({ hostname: ip, port });
    this.#acceptsIpv4 = !ip.includes(":");
  }

  get local(): Endpoint {
    return endpointOf(this.#listener.addr);
  }

  async accept(): Promise<Connection> {
    for (;;) {
      const conn = await this.#listener.accept();
      // The system also delivers IPv4 connections to `::`; in WASI, `::` is IPv6 only.
      if (this.#acceptsIpv4 || !isMappedIp(endpointOf(conn.remoteAddr).ip)) {
        return new Connection(conn);
      }
      conn.close();
    }
  }

  close(): void {
    this.abort();
  }

  abort(): void {
    tryClose(this.#listener);
  }
}

/** A UDP socket. */
export class DatagramSocket {
  readonly #conn: Deno.DatagramConn;
  readonly #accepts: (remote: Endpoint) => boolean;

  /** @param accepts false for an endpoint whose datagrams are dropped */
  constructor({ ip, port }: Endpoint, accepts: (remote: Endpoint) => boolean) {
    this.#conn = Deno.listenDatagram({ transport: "udp", hostname: ip, port });
    this.#accepts = accepts;
  }

  get local(): Endpoint {
    return endpointOf(this.#conn.addr as Deno.NetAddr);
  }

  async receive(): Promise<Datagram> {
    const buffer = new Uint8Array(DATAGRAM_BUFFER);
    for (;;) {
      const [bytes, from] = await this.#conn.receive(buffer);
      const remote = endpointOf(from as Deno.NetAddr);
      if (this.#accepts(remote)) return { bytes: bytes.slice(), remote };
    }
  }

  async send({ bytes, remote }: Datagram): Promise<void> {
    const { ip: hostname, port } = remote;
    await this.#conn.send(bytes, { transport: "udp", hostname, port });
  }

  close(): void {
    this.abort();
  }

  abort(): void {
    tryClose(this.#conn);
  }
}

/** Resolves to all addresses of a name, without IPv4-mapped ones. @throws the error of the system's resolver */
export async function lookUp(name: string): Promise<string[]> {
  const { lookup } = await import("node:dns/promises");
  const addresses = await lookup(name, { all: true, verbatim: true });
  return addresses.map(({ address }) => canonicalIp(address))
    .filter((ip) => !isMappedIp(ip));
}

/** Ignores that Deno has closed the resource itself, as it does after some failures. */
function tryClose(resource: { close(): void }): void {
  try {
    resource.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
