import { Buffer } from "node:buffer";
import { connect, createServer, type Server, type Socket } from "node:net";

/**
 * A forward proxy on a loopback port: tunnels (`CONNECT`), and plain requests with an absolute URL. The test maps host
 * names to ports, so that names that do not exist can be used.
 */
export class ForwardProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #port: (host: string) => number;
  /** The requested hosts, `registry.test:443`, in order. */
  readonly hosts: string[] = [];
  /** The received `Proxy-Authorization` values. */
  readonly authorizations: string[] = [];

  private constructor(port: (host: string) => number) {
    this.#port = port;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** @param port returns the loopback port of a host */
  static async start(port: (host: string) => number): Promise<ForwardProxy> {
    const proxy = new ForwardProxy(port);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  /** `127.0.0.1:3128`. */
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #accept(client: Socket): void {
    this.#track(client);
    let head = Buffer.alloc(0);
    const onData = (chunk: Buffer) => {
      head = Buffer.concat([head, chunk]);
      if (!head.includes("\r\n\r\n")) return;
      client.off("data", onData);
      this.#forward(client, head);
    };
    client.on("data", onData);
  }

  #forward(client: Socket, head: Buffer): void {
    const text = head.toString("latin1");
    const [method = "", target = ""] = text.split("\r\n", 1)[0]!.split(" ");
    const tunnel = method === "CONNECT";
    const host = tunnel ? target : new URL(target).host;
    this.hosts.push(host);
    const authorization = /^proxy-authorization: (.*)$/im.exec(text)?.[1];
    if (authorization) this.authorizations.push(authorization.trim());

    const upstream = connect(this.#port(host), "127.0.0.1", () => {
      if (tunnel) client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      else upstream.write(head);
      client.pipe(upstream);
      upstream.pipe(client);
    });
    this.#track(upstream);
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => socket.destroy());
  }
}
