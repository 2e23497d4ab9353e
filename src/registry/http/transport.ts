import type { Tries } from "../../base/tries.ts";

/** A body of a known length. */
export interface UploadContent {
  /** Bytes. */
  readonly size: number;
  /** Opens the bytes, once; none is overwritten later. */
  readonly open: () => AsyncIterable<Uint8Array>;
}

export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** A body that is streamed: only Node's client sends one with its length. */
  readonly content?: UploadContent | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Names what is requested, for messages; by default the URL's host and path. */
  readonly subject?: string | undefined;
  /** True if the body of the response is small. */
  readonly isSmall?: boolean | undefined;
  /** The tries of the operation that the request is a part of; by default its own. */
  readonly tries?: Tries | undefined;
  /**
   * Makes one try, whose failure does not count against the host: another place can be asked, or the host may only limit
   * connections.
   */
  readonly once?: boolean | undefined;
  /**
   * True if the config of a server names this origin, as a mirror: its address is not checked. A client's own upstream
   * never has it.
   */
  readonly isListed?: boolean | undefined;
}

export interface HttpResponse {
  /** The URL that answered: after redirects, and with the scheme in use. */
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
  /** The undecoded body, which the receiver of the response has to read or cancel. */
  readonly body: ReadableStream<Uint8Array> | null;
}

/**
 * Sends HTTP requests. Every request of larder itself goes through one; `httpTransport` stacks them.
 * @throws LarderError LDR_UNREACHABLE, LDR_DNS, LDR_TLS, LDR_TIMEOUT, LDR_INTERRUPTED
 */
export interface Transport {
  send(request: HttpRequest): Promise<HttpResponse>;
}
