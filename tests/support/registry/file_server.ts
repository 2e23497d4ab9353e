import { createHash } from "node:crypto";
import { FaultyServer } from "./faulty_server.ts";
import { type Answer, type Request, textAnswer } from "./http_server.ts";
import { content } from "./test_registry.ts";

/**
 * A web server with files, such as the mirror of a distribution. Each has a strong `ETag`, and `Range` and `If-Range` are
 * understood (RFC 9110 §13.1.5). It can be made to fail as a `TestRegistry` can.
 */
export class FileServer extends FaultyServer {
  readonly #files = new Map<string, Uint8Array>();

  /** @param files by path without a `/` at the start, as {@link serve} takes them */
  static async start(files?: ReadonlyMap<string, Uint8Array>): Promise<FileServer> {
    const server = new FileServer();
    if (files) server.serve(files);
    await server.listen();
    return server;
  }

  /** Returns the URL of a path without a `/` at the start. */
  url(path = ""): string {
    return `http://${this.host}/${path}`;
  }

  /** Replaces all files, such as by those of a repository: by path without a `/` at the start. */
  serve(files: ReadonlyMap<string, Uint8Array>): void {
    this.#files.clear();
    for (const [path, bytes] of files) this.#files.set(`/${path}`, bytes);
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

  /** The paths of the requests so far, decoded and without a `/` at the start. */
  get requested(): string[] {
    return this.requests().map(({ path }) => decodeURIComponent(path).slice(1));
  }

  protected override answer({ path, headers }: Request): Answer {
    const bytes = this.#files.get(decodeURIComponent(path));
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
