import { TestCa } from "./certificates.ts";

/** The answer to a request: its pieces are written one by one. undefined closes the connection. */
export type Script = (request: string, connection: number) => readonly string[] | undefined;

/** A server that speaks TLS and answers every request with exactly the bytes of the script. */
export class ScriptedTlsServer implements AsyncDisposable {
  /** The head of each request, after the number of its connection. */
  readonly requests: string[] = [];
  readonly #ca: TestCa;
  readonly #listener: Deno.TlsListener;
  readonly #sockets = new Set<Deno.TlsConn>();
  readonly #ended: Promise<void>;
  script: Script;
  /** Number of connections so far. */
  connections = 0;

  private constructor(ca: TestCa, listener: Deno.TlsListener, script: Script) {
    this.#ca = ca;
    this.#listener = listener;
    this.script = script;
    this.#ended = this.#accept();
  }

  static async start(script: Script): Promise<ScriptedTlsServer> {
    const ca = await TestCa.create();
    const { certificate, key } = await ca.issue();
    const listener = Deno.listenTls({
      hostname: "127.0.0.1",
      port: 0,
      cert: Deno.readTextFileSync(certificate),
      key: Deno.readTextFileSync(key),
    });
    return new ScriptedTlsServer(ca, listener, script);
  }

  /** The certificate that signs the server's own, PEM. */
  get ca(): string {
    return this.#ca.pem;
  }

  url(path: string): URL {
    return new URL(`https://127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}${path}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const socket of this.#sockets) socket.close();
    await this.#ended;
    this.#ca[Symbol.dispose]();
  }

  async #accept(): Promise<void> {
    const served: Promise<void>[] = [];
    try {
      for await (const socket of this.#listener) {
        this.#sockets.add(socket);
        served.push(this.#serve(socket, ++this.connections).catch(() => {}));
      }
    } catch {
      // A handshake that the client broke off ends the iteration, but not the test.
    }
    await Promise.all(served);
  }

  async #serve(socket: Deno.TlsConn, connection: number): Promise<void> {
    const buffer = new Uint8Array(4096);
    try {
      for (let count; (count = await socket.read(buffer)) !== null;) {
        const request = new TextDecoder().decode(buffer.subarray(0, count));
        this.requests.push(`${connection} ${request.split("\r\n\r\n")[0]!}`);
        const pieces = this.script(request, connection);
        if (!pieces) return;
        for (const piece of pieces) {
          await socket.write(Uint8Array.from(piece, (char) => char.charCodeAt(0)));
        }
      }
    } finally {
      if (this.#sockets.delete(socket)) socket.close();
    }
  }
}
