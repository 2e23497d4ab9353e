import { createHash } from "node:crypto";
import type { Fault } from "./faults.ts";
import {
  type Answer,
  HttpServer,
  lineMatches,
  type LoggedRequest,
  type Request,
  textAnswer,
} from "./http_server.ts";
import { content, type Guard } from "./test_registry.ts";

interface Rule {
  readonly what: string | RegExp;
  readonly fault: Fault;
  left: number;
}

/**
 * A web server with files, such as the mirror of a distribution. Each has a strong `ETag`, and `Range` and `If-Range` are
 * understood (RFC 9110 §13.1.5). It can be made to fail as a `TestRegistry` can.
 */
export class FileServer implements AsyncDisposable {
  readonly #files = new Map<string, Uint8Array>();
  readonly #rules: Rule[] = [];
  #server!: HttpServer;
  /** Called before every response. */
  guard: Guard | undefined;

  static async start(): Promise<FileServer> {
    const server = new FileServer();
    server.#server = await HttpServer.start((request) => server.#handle(request));
    return server;
  }

  /** `127.0.0.1:41234`. */
  get host(): string {
    return this.#server.host;
  }

  /** Adds or replaces the file at a path such as `/pool/a.deb`; returns its URL. */
  add(path: string, bytes: Uint8Array): string {
    this.#files.set(path, bytes);
    return `http://${this.host}${path}`;
  }

  /** Removes a file, so that requests for it get a 404. */
  remove(path: string): void {
    this.#files.delete(path);
  }

  /** Makes the next `times` requests fail whose line (`GET /pool/a.deb`) contains or matches `what`. */
  fail(what: string | RegExp, fault: Fault, times = Infinity): void {
    this.#rules.push({ what, fault, left: times });
  }

  /** Removes all faults. */
  heal(): void {
    this.#rules.length = 0;
  }

  /** Returns the requests whose line contains or matches `what`, in the order of their responses. */
  requests(what: string | RegExp = ""): LoggedRequest[] {
    return this.#server.requests(what);
  }

  clearLog(): void {
    this.#server.clearLog();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }

  async #handle(request: Request): Promise<Answer> {
    const answer = this.guard?.(request) ?? this.#answer(request);
    const line = `${request.method} ${request.path}`;
    const rule = this.#rules.find(({ what, left }) => left > 0 && lineMatches(line, what));
    if (!rule) return answer;
    rule.left--;
    return await rule.fault(answer, request);
  }

  #answer({ path, headers }: Request): Answer {
    const bytes = this.#files.get(decodeURI(path));
    if (!bytes) return textAnswer(404, "not here");
    const etag = `"${createHash("sha256").update(bytes).digest("hex").slice(0, 16)}"`;
    const isOther = headers.has("if-range") && headers.get("if-range") !== etag;
    const answer = content(bytes, isOther ? null : headers.get("range"));
    return { ...answer, headers: { ...answer.headers, ETag: etag } };
  }
}

/** Returns the bytes of a file that begins like a Debian package; different seeds have different bytes. */
export function debBytes(size: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0, state = seed; i < size; i++) {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    bytes[i] = state >> 16;
  }
  bytes.set(new TextEncoder().encode("!<arch>\n").subarray(0, size));
  return bytes;
}

/** Returns the digest of bytes, computed without larder's own code. */
export function digestOfBytes(
  bytes: Uint8Array,
  algorithm: "sha256" | "sha512" = "sha256",
): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
}
