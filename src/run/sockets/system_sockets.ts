/** Sockets of the system, as far as guests can use them through Deno. */
import { GUEST_READ_AHEAD } from "../../base/limits.ts";
import { canonicalIp, type Endpoint, endpointOf, isMappedIp } from "../grants/endpoint.ts";
import type { ConnectionEnds, Datagram } from "./messages.ts";

/** After a guest has closed a connection, what it had written gets so long to leave. */
const SOCKET_LINGER = 10_000;

/** The most that one datagram can hold, and more. */
const DATAGRAM = 64 * 1024;

/** A connection that is not there yet. */
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

/** A connection. */
export class Connection {
  readonly #conn: Deno.TcpConn;
  /** What is to be written comes in pieces, and each one waits for those before it. */
  #tail: Promise<void> = Promise.resolve();

  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    // Guests have no way to ask for it, and write in pieces of their own making.
    conn.setNoDelay(true);
  }

  /** @param signal gives it up */
  static async to({ ip, port }: Endpoint, signal: AbortSignal): Promise<Connection> {
    const conn = await Deno.connect({ hostname: ip, port, signal });
    return new Connection(conn);
  }

  get ends(): ConnectionEnds {
    return { local: endpointOf(this.#conn.localAddr), remote: endpointOf(this.#conn.remoteAddr) };
  }

  /** Some bytes, null at their end. */
  async read(atMost: number): Promise<Uint8Array<ArrayBuffer> | null> {
    const buffer = new Uint8Array(Math.min(atMost, GUEST_READ_AHEAD));
    const count = await this.#conn.read(buffer);
    if (count === null) return null;
    // A buffer goes to the guest's thread as it is; what is far too large for its content would stay there.
    return count < buffer.length / 2 ? buffer.slice(0, count) : buffer.subarray(0, count);
  }

  /** Resolves once the system has taken them. */
  write(bytes: Uint8Array): Promise<void> {
    return this.#after(async () => {
      for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
    });
  }

  finish(): Promise<void> {
    return this.#after(() => this.#conn.closeWrite());
  }

  keepAlive(isOn: boolean): void {
    this.#conn.setKeepAlive(isOn);
  }

  /** Closes it once all is written, or {@link SOCKET_LINGER} milliseconds later. */
  async close(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const over = new Promise<void>((resolve) => timer = setTimeout(resolve, SOCKET_LINGER));
    await Promise.race([this.#tail, over]);
    clearTimeout(timer);
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

/** A socket that connections come to. */
export class Listener {
  readonly #listener: Deno.TcpListener;
  readonly #takesIpv4: boolean;

  constructor({ ip, port }: Endpoint) {
    this.#listener = Deno.listen({ hostname: ip, port });
    this.#takesIpv4 = !ip.includes(":");
  }

  get local(): Endpoint {
    return endpointOf(this.#listener.addr);
  }

  async accept(): Promise<Connection> {
    for (;;) {
      const conn = await this.#listener.accept();
      // The system has them come to `::` as well; to WASI, that is IPv6 only.
      if (this.#takesIpv4 || !isMappedIp(endpointOf(conn.remoteAddr).ip)) {
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

/** A socket for datagrams. */
export class DatagramSocket {
  readonly #conn: Deno.DatagramConn;
  readonly #takes: (remote: Endpoint) => boolean;

  /** @param takes whether datagrams from there are let in; the others are lost */
  constructor({ ip, port }: Endpoint, takes: (remote: Endpoint) => boolean) {
    this.#conn = Deno.listenDatagram({ transport: "udp", hostname: ip, port });
    this.#takes = takes;
  }

  get local(): Endpoint {
    return endpointOf(this.#conn.addr as Deno.NetAddr);
  }

  async receive(): Promise<Datagram> {
    const buffer = new Uint8Array(DATAGRAM);
    for (;;) {
      const [bytes, from] = await this.#conn.receive(buffer);
      const remote = endpointOf(from as Deno.NetAddr);
      if (this.#takes(remote)) return { bytes: bytes.slice(), remote };
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

/**
 * All addresses that the system knows of a name.
 * @throws what the resolver says
 */
export async function lookUp(name: string): Promise<string[]> {
  const { lookup } = await import("node:dns/promises");
  const found = await lookup(name, { all: true, verbatim: true });
  return found.map(({ address }) => canonicalIp(address))
    .filter((ip) => !isMappedIp(ip));
}

/** Deno closes some of them itself when they fail. */
function tryClose(resource: { close(): void }): void {
  try {
    resource.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
