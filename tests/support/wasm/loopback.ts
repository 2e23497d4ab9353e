// deno-lint-ignore-file no-console
/** Servers of TCP and UDP on the loopback address, for guests to reach. */

/** Why nothing can listen on IPv6's loopback here, or undefined where it can. */
const ipv6Refused: string | undefined = tryIpv6();

function tryIpv6(): string | undefined {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** A test of IPv6's loopback; where there is none it says that it was not run. */
export function ipv6Test(name: string, test: () => Promise<void>): void {
  if (ipv6Refused) console.warn(`not run: "${name}" (${ipv6Refused})`);
  Deno.test({ name, ignore: ipv6Refused !== undefined, fn: test });
}

/** Hands each connection to a function, and closes it afterwards. */
export class TcpServer implements AsyncDisposable {
  readonly #listener: Deno.TcpListener;
  readonly #conns = new Set<Deno.TcpConn>();
  readonly #done: Promise<void>;
  /** How many connections there were. */
  count = 0;

  constructor(handle: (conn: Deno.TcpConn) => Promise<void>, hostname = "127.0.0.1") {
    this.#listener = Deno.listen({ hostname, port: 0 });
    this.#done = this.#serve(handle);
  }

  /** Says nothing, and hears nothing either. */
  static silent(): TcpServer {
    return new TcpServer(() => new Promise(() => {}));
  }

  /** Sends back what comes, and its own end after the client's. */
  static echo(hostname?: string): TcpServer {
    return new TcpServer(async (conn) => {
      const buffer = new Uint8Array(64 * 1024);
      for (let count; (count = await conn.read(buffer)) !== null;) {
        for (let at = 0; at < count;) at += await conn.write(buffer.subarray(at, count));
      }
      await conn.closeWrite();
    }, hostname);
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  /** Connections that are open. */
  get open(): number {
    return this.#conns.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const conn of this.#conns) conn.close();
    this.#conns.clear();
    await this.#done;
  }

  async #serve(handle: (conn: Deno.TcpConn) => Promise<void>): Promise<void> {
    for await (const conn of this.#listener) {
      this.count++;
      this.#conns.add(conn);
      handle(conn).catch(() => {}).finally(() => {
        if (this.#conns.delete(conn)) conn.close();
      });
    }
  }
}

/** Sends every datagram back to where it came from. */
export class UdpEcho implements AsyncDisposable {
  readonly #conn: Deno.DatagramConn;
  readonly #done: Promise<void>;

  constructor(hostname = "127.0.0.1") {
    this.#conn = Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
    this.#done = this.#serve();
  }

  get port(): number {
    return (this.#conn.addr as Deno.NetAddr).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#conn.close();
    await this.#done;
  }

  async #serve(): Promise<void> {
    for await (const [bytes, from] of this.#conn) await this.#conn.send(bytes, from);
  }
}

/** A socket for datagrams that is nobody's server. */
export function udpSocket(): Deno.DatagramConn & Disposable {
  const conn = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  return Object.assign(conn, { [Symbol.dispose]: () => conn.close() });
}

/** Something that nobody listens on: a port that was free a moment ago. */
export function closedPort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  listener.close();
  return listener.addr.port;
}
