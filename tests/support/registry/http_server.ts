import { Buffer } from "node:buffer";
import { createServer, type Server, type Socket } from "node:net";

/** A received request. */
export interface Request {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Headers;
  readonly body: string;
  readonly bytes: Uint8Array;
}

/** A request that was answered. */
export interface LoggedRequest extends Request {
  /** `GET /v2/app/manifests/v1`, which {@link HttpServer.requests} matches. */
  readonly line: string;
  readonly status: number;
}

/** A response. `Content-Length` is that of the body unless `headers` have another, or a transfer coding. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** Sends the body in a special way; not called for `HEAD`. */
  readonly send?: (wire: Wire, body: Uint8Array) => Promise<void>;
}

/** The server's end of a connection. */
export interface Wire {
  write(bytes: Uint8Array): Promise<void>;
  /** Closes the connection in order, whatever length was announced. */
  close(): void;
  /** Resets the connection (TCP RST). */
  reset(): void;
  readonly isOpen: boolean;
}

/** The first byte of a client that speaks TLS, which this server does not. */
const TLS_HANDSHAKE = 0x16;

export type Handler = (request: Request) => Answer | Promise<Answer>;

/** Makes a response with a text body. */
export function textAnswer(
  status: number,
  text: string,
  headers: Record<string, string> = {},
): Answer {
  return { status, headers, body: new TextEncoder().encode(text) };
}

export function jsonAnswer(
  status: number,
  value: unknown,
  headers: Record<string, string> = {},
): Answer {
  return textAnswer(status, JSON.stringify(value), {
    "Content-Type": "application/json",
    ...headers,
  });
}

/**
 * An HTTP/1.1 server on a free loopback port that sends exactly the bytes that the test chooses, which an HTTP library
 * does not allow: bodies shorter than announced, resets, stalls. Every request is logged.
 */
export class HttpServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #handler: Handler;
  readonly #log: LoggedRequest[] = [];
  #port = 0;

  private constructor(handler: Handler) {
    this.#handler = handler;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  static async start(handler: Handler): Promise<HttpServer> {
    const server = new HttpServer(handler);
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    server.#port = (server.#server.address() as { port: number }).port;
    return server;
  }

  /** `127.0.0.1:41234`. */
  get host(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Returns the requests whose line (`GET /v2/app/manifests/v1`) contains or matches `what`, oldest first. */
  requests(what: string | RegExp = ""): LoggedRequest[] {
    return this.#log.filter(({ line }) => lineMatches(line, what));
  }

  /** Forgets the requests so far. */
  clearLog(): void {
    this.#log.length = 0;
  }

  /** Closes all connections and the port. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => {}); // The client disconnected; tests check the client.
    let received = Buffer.alloc(0);
    let turn = Promise.resolve();
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received[0] === TLS_HANDSHAKE) {
        socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
        return;
      }
      for (let parsed; (parsed = parseRequest(received));) {
        received = received.subarray(parsed.length);
        const { request } = parsed;
        turn = turn.then(() => this.#answer(request, socket));
      }
    });
  }

  async #answer(request: Request, socket: Socket): Promise<void> {
    const answer = await this.#handler(request);
    const line = `${request.method} ${request.path}`;
    this.#log.push({ ...request, line, status: answer.status });
    if (socket.destroyed) return;
    const wire = wireOf(socket);
    await wire.write(head(answer));
    if (request.method === "HEAD") return;
    await (answer.send ?? ((wire, body) => wire.write(body)))(wire, answer.body);
  }
}

/** True if a request line contains the text or matches the pattern. */
export function lineMatches(line: string, what: string | RegExp): boolean {
  return typeof what === "string" ? line.includes(what) : what.test(line);
}

function wireOf(socket: Socket): Wire {
  return {
    write: (bytes) =>
      new Promise((resolve) => {
        // A disconnected client is not an error of the server.
        if (socket.destroyed || bytes.length === 0) resolve();
        else socket.write(bytes, () => resolve());
      }),
    close: () => socket.end(),
    reset: () => socket.resetAndDestroy(),
    get isOpen() {
      return !socket.destroyed;
    },
  };
}

function head(answer: Answer): Uint8Array {
  const names = Object.keys(answer.headers).map((name) => name.toLowerCase());
  const headers = { ...answer.headers };
  if (!names.includes("content-length") && !names.includes("transfer-encoding")) {
    headers["Content-Length"] = String(answer.body.length);
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return new TextEncoder().encode(`HTTP/1.1 ${answer.status} Status\r\n${lines.join("")}\r\n`);
}

/** Parses the first request of the received bytes; returns undefined if it is incomplete. */
function parseRequest(received: Buffer): { request: Request; length: number } | undefined {
  const end = received.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [first = "", ...lines] = received.subarray(0, end).toString("latin1").split("\r\n");
  const [method = "", sent = ""] = first.split(" ");
  // A proxy may leave the absolute form (RFC 9112 §3.2.2).
  const target = sent.replace(/^http:\/\/[^/?]+/, "");
  const headers = new Headers(lines.map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  }));
  const bodyLength = Number(headers.get("content-length") ?? 0);
  const length = end + 4 + bodyLength;
  if (received.length < length) return undefined;
  const question = target.indexOf("?");
  return {
    length,
    request: {
      method,
      path: question < 0 ? target : target.slice(0, question),
      query: new URLSearchParams(question < 0 ? "" : target.slice(question + 1)),
      headers,
      body: received.subarray(end + 4, length).toString("utf8"),
      bytes: new Uint8Array(received.subarray(end + 4, length)),
    },
  };
}
