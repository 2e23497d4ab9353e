// deno-lint-ignore-file no-console
/** TCP and UDP servers on the loopback address, for guests to reach. */

/** Why this machine cannot listen on IPv6's loopback address; undefined if it can. */
const ipv6Problem: string | undefined = tryIpv6();

function tryIpv6(): string | undefined {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Registers a test that needs IPv6's loopback address; warns that it was not run if there is none. */
export function ipv6Test(name: string, test: () => Promise<void>): void {
  if (ipv6Problem) console.warn(`not run: "${name}" (${ipv6Problem})`);
  Deno.test({ name, ignore: ipv6Problem !== undefined, fn: test });
}

/** A server that passes each connection to a function and closes it afterwards. */
export class TcpServer implements AsyncDisposable {
  readonly #listener: Deno.TcpListener;
  readonly #conns = new Set<Deno.TcpConn>();
  readonly #done: Promise<void>;
  /** The number of connections so far. */
  count = 0;

  constructor(handle: (conn: Deno.TcpConn) => Promise<void>, hostname = "127.0.0.1") {
    this.#listener = Deno.listen({ hostname, port: 0 });
    this.#done = this.#serve(handle);
  }

  /** Starts a server that neither reads nor writes. */
  static silent(): TcpServer {
    return new TcpServer(() => new Promise(() => {}));
  }

  /** Starts a server that sends back what it receives, and shuts down after the client. */
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

  /** The number of open connections. */
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

/** A server that sends every datagram back to its sender. */
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

/** Opens a UDP socket. */
export function udpSocket(): Deno.DatagramConn & Disposable {
  const conn = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  return Object.assign(conn, { [Symbol.dispose]: () => conn.close() });
}

/** Reads a request of HTTP/1.1 with a chunked body or none. */
export async function readRequest(conn: Deno.Conn): Promise<string> {
  let text = "";
  const buffer = new Uint8Array(4096);
  const isComplete = () =>
    /^transfer-encoding/im.test(text)
      ? /\r\n0\r\n(?:.+\r\n)*\r\n$/.test(text)
      : text.includes("\r\n\r\n");
  while (!isComplete()) {
    text += new TextDecoder().decode(buffer.subarray(0, (await conn.read(buffer))!));
  }
  return text;
}

/** Returns a port on which nothing listens: one that was free a moment ago. */
export function closedPort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  listener.close();
  return listener.addr.port;
}
