import { connect, createServer, type Server, type Socket } from "node:net";

/** Some of the ports that the Fetch Standard blocks, without those that only root may use. */
const BLOCKED_PORTS = [6000, 6666, 10080, 5060, 5061, 6566, 6665, 6667, 6668, 6669, 6679, 6697];

/** A loopback port that `fetch` refuses, as browsers do, in front of a server on another loopback port. */
export class BlockedPort implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly port: number;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  /** @param host `127.0.0.1:5000` */
  static async inFrontOf(host: string): Promise<BlockedPort> {
    const target = { host: "127.0.0.1", port: Number(host.split(":")[1]) };
    for (const port of BLOCKED_PORTS) {
      const server = createServer();
      const isFree = await new Promise((resolve) => {
        server.once("error", () => resolve(false));
        server.listen(port, "127.0.0.1", () => resolve(true));
      });
      if (!isFree) continue;
      const blocked = new BlockedPort(server, port);
      server.on("connection", (socket) => blocked.#join(socket, connect(target)));
      return blocked;
    }
    throw new Error(`something listens on each of the ports ${BLOCKED_PORTS.join(", ")}`);
  }

  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #join(client: Socket, server: Socket): void {
    for (const [one, other] of [[client, server], [server, client]] as const) {
      this.#sockets.add(one);
      one.on("close", () => this.#sockets.delete(one));
      one.on("error", () => other.destroy());
      one.pipe(other);
    }
  }
}
