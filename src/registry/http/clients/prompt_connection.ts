import { concatBytes } from "../../../base/bytes.ts";
import { withoutBrackets } from "../../../base/url_host.ts";
import type { HttpResponse } from "../transport.ts";

/** 32 KiB limit on the status line and the headers of a response. */
const MAX_HEAD = 32 * 1024;

/** 256 KiB limit on a body, which few manifests exceed. */
const MAX_BODY = 256 * 1024;

const END_OF_HEAD = "\r\n\r\n";
const BARE_LINE_FEED = /(?<!\r)\n/;
const STATUS_LINE = /^HTTP\/1\.1 ([2-5]\d\d)(?: [\x20-\x7e\x80-\xff]*)?$/;
const HEADER_LINE = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/;

/** A request without a body. */
export interface PromptRequest {
  readonly method: "GET" | "HEAD";
  readonly url: URL;
  readonly headers: Headers;
}

/**
 * A TLS connection without Nagle's algorithm, for one request after the other.
 *
 * Invariant: it understands only responses of HTTP/1.1 whose body, if they have one, has a `Content-Length` and no
 * transfer coding. Anything else is an error, after which a complete client has to repeat the request.
 */
export class PromptConnection implements Disposable {
  readonly #socket: Deno.TlsConn;
  /** Bytes that have arrived and were not read. */
  #rest: Uint8Array<ArrayBuffer> = new Uint8Array();
  #isOpen = true;

  private constructor(socket: Deno.TlsConn) {
    this.#socket = socket;
  }

  /**
   * Connects to the host of an HTTPS URL, at the first of its addresses.
   * @param caCerts is called while the connection is being made
   */
  static async open(url: URL, caCerts: () => string[]): Promise<PromptConnection> {
    const hostname = withoutBrackets(url.hostname);
    const connecting = Deno.connect({ hostname, port: Number(url.port || 443) });
    connecting.catch(() => {});
    let certificates: string[];
    try {
      certificates = caCerts();
    } catch (error) {
      connecting.then((socket) => socket.close(), () => {});
      throw error;
    }
    const socket = await connecting;
    try {
      socket.setNoDelay();
      return new PromptConnection(
        await Deno.startTls(socket, {
          hostname,
          caCerts: certificates,
          alpnProtocols: ["http/1.1"],
        }),
      );
    } catch (error) {
      socket.close();
      throw error;
    }
  }

  /** True if another request can be sent. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Sends a request and returns its response. @throws Error after which the connection is closed */
  async send({ method, url, headers }: PromptRequest): Promise<HttpResponse> {
    const lines = [...headers].map(([name, value]) => `${name}: ${value}\r\n`).join("");
    const text =
      `${method} ${url.pathname}${url.search} HTTP/1.1\r\nhost: ${url.host}\r\n${lines}\r\n`;
    try {
      await this.#write(latin1(text));
      const head = parseHead(await this.#readHead());
      const body = method === "HEAD" ? null : await this.#read(lengthOf(head.headers));
      // Bytes beyond the response belong to no request.
      if (this.#rest.length > 0) throw unusual("more bytes than announced");
      if (/\bclose\b/i.test(head.headers.get("connection") ?? "")) this[Symbol.dispose]();
      return { url: url.href, ...head, body: body && new Response(body).body };
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    if (this.#isOpen) this.#socket.close();
    this.#isOpen = false;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#socket.write(bytes.subarray(at));
  }

  /** Reads up to the empty line after the headers. */
  async #readHead(): Promise<string> {
    for (;;) {
      const text = textOf(this.#rest);
      const end = text.indexOf(END_OF_HEAD);
      const head = end < 0 ? text : text.slice(0, end);
      // Other clients take it for the end of a line, so that no more may come.
      if (BARE_LINE_FEED.test(head)) throw unusual("a line feed alone");
      if (head.length > MAX_HEAD) throw unusual("too many headers");
      if (end >= 0) {
        this.#rest = this.#rest.slice(end + END_OF_HEAD.length);
        return head;
      }
      await this.#receive();
    }
  }

  async #read(length: number): Promise<Uint8Array<ArrayBuffer>> {
    while (this.#rest.length < length) await this.#receive();
    const bytes = this.#rest.slice(0, length);
    this.#rest = this.#rest.slice(length);
    return bytes;
  }

  async #receive(): Promise<void> {
    const buffer = new Uint8Array(16 * 1024);
    const count = await this.#socket.read(buffer);
    if (count === null) throw unusual("the connection has ended");
    this.#rest = concatBytes([this.#rest, buffer.subarray(0, count)]);
  }
}

function parseHead(text: string): { status: number; headers: Headers } {
  const [first = "", ...lines] = text.split("\r\n");
  const status = STATUS_LINE.exec(first)?.[1];
  if (!status) throw unusual("its status line");
  const headers = new Headers();
  for (const line of lines) {
    const [, name, value] = HEADER_LINE.exec(line) ?? [];
    if (name === undefined) throw unusual("a header line");
    headers.append(name, value!.trim());
  }
  return { status: Number(status), headers };
}

/** Returns the length of the body. */
function lengthOf(headers: Headers): number {
  const length = headers.get("content-length") ?? "";
  if (headers.has("transfer-encoding") || headers.has("upgrade")) throw unusual("a coded body");
  if (!/^\d{1,9}$/.test(length) || Number(length) > MAX_BODY) throw unusual("its length");
  return Number(length);
}

function unusual(what: string): Error {
  return new Error(`unusual response: ${what}`);
}

function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

/** Decodes as ISO 8859-1, so that there is a character for each byte. */
function textOf(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
