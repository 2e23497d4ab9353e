import { messageOf } from "../../../base/errors.ts";
import type { Denials } from "../../grants/denials.ts";
import { isSelfRequest, OutboundHosts } from "../../grants/outbound_hosts.ts";
import type { OutboundRule } from "../../grants/outbound_rule.ts";
import { MAX_TIMEOUT } from "../clocks.ts";
import type { InstanceResources } from "../resources.ts";
import { type BodySource, OutgoingBody } from "./bodies.ts";
import { FutureIncomingResponse, IncomingResponse } from "./incoming.ts";
import type { RequestOptions, RequestParts } from "./outgoing.ts";
import { sendRequest } from "./send_request.ts";
import { type ErrorCode, HttpFailure } from "./types.ts";
import { DIRECT, type NetworkSettings, type WireResponse } from "./wire.ts";

/** The hosts that guests may send requests to. */
export interface ClientSettings {
  readonly allowedHosts: readonly OutboundRule[];
  /** The URL at which the app itself listens, as `http://127.0.0.1:3000`; undefined if it does not. */
  readonly self?: string | undefined;
  /** By default, requests are sent directly, and the built-in certificates are trusted. */
  readonly network?: NetworkSettings | undefined;
}

/** Methods whose requests have no body (RFC 9110 §9.3.1, §9.3.2). */
const BODILESS = ["GET", "HEAD"];

const NANOSECONDS_PER_MILLISECOND = 1_000_000n;

/** Sends the requests of one guest. */
export class HttpClient {
  readonly #hosts: OutboundHosts;
  readonly #self: string | undefined;
  readonly #denials: Denials;
  readonly #resources: InstanceResources;
  readonly #network: NetworkSettings;

  constructor(
    { allowedHosts, self, network = DIRECT }: ClientSettings,
    denials: Denials,
    resources: InstanceResources,
  ) {
    this.#hosts = new OutboundHosts(allowedHosts);
    this.#self = self;
    this.#denials = denials;
    this.#resources = resources;
    this.#network = network;
  }

  /** @throws HttpFailure */
  handle(parts: RequestParts, options: RequestOptions | undefined): FutureIncomingResponse {
    const url = urlOf(parts);
    if (!this.#hosts.allows(url)) {
      this.#denials.network(url);
      throw new HttpFailure({ tag: "HTTP-request-denied" });
    }
    if (this.#resources.isFull) throw new HttpFailure({ tag: "connection-limit-reached" });
    const target = isSelfRequest(url) ? urlOfSelf(url, this.#self) : url;
    const connection = { resources: this.#resources, network: this.#network };
    return new ClientRequest(parts, options, connection).start(target);
  }
}

/** @throws HttpFailure */
function urlOf({ scheme, authority, path }: RequestParts): URL {
  if (scheme?.tag === "other") throw new HttpFailure({ tag: "HTTP-protocol-error" });
  const origin = authority === undefined
    ? "http://self.alt"
    : `${scheme?.tag === "HTTP" ? "http" : "https"}://${authority}`;
  const url = URL.parse(`${origin}${path}`);
  if (!url) throw new HttpFailure({ tag: "HTTP-request-URI-invalid" });
  return url;
}

/** Returns the URL of a request to `self` at the address where the app listens. @throws HttpFailure */
function urlOfSelf({ pathname, search }: URL, self: string | undefined): URL {
  if (self === undefined) throw new HttpFailure({ tag: "HTTP-request-URI-invalid" });
  return new URL(`${self}${pathname}${search}`);
}

/** A request of a guest, until its response is read to the end or dropped. */
class ClientRequest implements Disposable {
  readonly #parts: RequestParts;
  readonly #resources: InstanceResources;
  readonly #network: NetworkSettings;
  /** Milliseconds until the head of the response. */
  readonly #headTimeout: number | undefined;
  /** Milliseconds until the next chunk of the response's body. */
  readonly #chunkTimeout: number | undefined;
  readonly #abort = new AbortController();
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;

  constructor(
    parts: RequestParts,
    options: RequestOptions | undefined,
    { resources, network }: { resources: InstanceResources; network: NetworkSettings },
  ) {
    this.#parts = parts;
    this.#resources = resources;
    this.#network = network;
    const firstByte = options?.firstByteTimeout();
    // The sum of both timeouts, because `sendRequest` does not report when it is connected.
    this.#headTimeout = inMilliseconds(firstByte && firstByte + (options?.connectTimeout() ?? 0n));
    this.#chunkTimeout = inMilliseconds(options?.betweenBytesTimeout());
  }

  start(url: URL): FutureIncomingResponse {
    this.#resources.hold(this);
    const result = this.#send(url).then(
      (val) => ({ tag: "ok", val } as const),
      (error) => {
        this.#release();
        return { tag: "err", val: errorCodeOf(error) } as const;
      },
    );
    return new FutureIncomingResponse(result, () => this[Symbol.dispose]());
  }

  [Symbol.dispose](): void {
    this.#stop({ tag: "connection-terminated" });
    this.#release();
  }

  /**
   * Aborts the request. The body is cancelled as well, because `fetch` loses its signal once the response is there and
   * garbage is collected (Deno 2.9.6): a pending read would never end.
   */
  #stop(code: ErrorCode): void {
    const failure = new HttpFailure(code);
    this.#abort.abort(failure);
    this.#reader?.cancel(failure).catch(() => {}); // It has failed already.
  }

  #release(): void {
    this.#resources.release(this);
  }

  async #send(url: URL): Promise<IncomingResponse> {
    const { method, headers } = this.#parts;
    // Its response is a tunnel.
    if (method === "CONNECT") throw new HttpFailure({ tag: "HTTP-request-method-invalid" });
    const { signal } = this.#abort;
    const trailers = () => this.#parts.body ? OutgoingBody.trailersOf(this.#parts.body) : [];
    const sent = sendRequest(
      { url, method, headers, body: this.#requestBody(), trailers, signal },
      this.#network,
    );
    const response = await this.#withTimeout(this.#headTimeout, sent);
    return new IncomingResponse(response.status, response.headers, this.#responseBody(response));
  }

  #requestBody(): ReadableStream<Uint8Array> | null {
    const { body, method } = this.#parts;
    if (!body) return null;
    if (BODILESS.includes(method)) {
      OutgoingBody.connect(body, () => {
        throw new HttpFailure({ tag: "HTTP-request-body-size", val: 0n }, `${method} has no body`);
      });
      return null;
    }
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    OutgoingBody.connect(body, (bytes) => writer.write(bytes));
    OutgoingBody.ended(body)
      .then((end) => end === "finished" ? writer.close() : writer.abort(new Error("truncated")))
      .catch(() => {}); // The response reports the failure.
    return readable;
  }

  #responseBody(response: WireResponse): BodySource {
    const reader = this.#reader = response.body?.getReader();
    let isAtEnd = false;
    return {
      read: async () => {
        try {
          const chunk = await this.#withTimeout(this.#chunkTimeout, reader?.read());
          this.#abort.signal.throwIfAborted();
          if (chunk && !chunk.done) return chunk.value;
          this.#release();
          isAtEnd = true;
          return null;
        } catch (error) {
          this.#release();
          throw new HttpFailure(errorCodeOf(error), messageOf(error));
        }
      },
      cancel: () => this[Symbol.dispose](),
      trailers: () => isAtEnd ? response.trailers?.() ?? [] : [],
    };
  }

  /** Awaits a step of the request, and stops the request after `timeout` milliseconds. */
  async #withTimeout<T>(timeout: number | undefined, step: T | Promise<T>): Promise<T> {
    if (timeout === undefined) return await step;
    const stop = () => this.#stop({ tag: "connection-read-timeout" });
    const timer = setTimeout(stop, Math.min(timeout, MAX_TIMEOUT));
    try {
      return await step;
    } finally {
      clearTimeout(timer);
    }
  }
}

function inMilliseconds(nanoseconds: bigint | undefined): number | undefined {
  return nanoseconds === undefined ? undefined : Number(nanoseconds / NANOSECONDS_PER_MILLISECOND);
}

/** Error codes of Node's client, of the system and of TLS. */
const CODES: readonly (readonly [RegExp, ErrorCode])[] = [
  [/^ECONNREFUSED$/, { tag: "connection-refused" }],
  [/^(?:ENOTFOUND|EAI_\w+)$/, { tag: "DNS-error", val: {} }],
  [/^(?:ECONNRESET|EPIPE)$/, { tag: "connection-terminated" }],
  [/CERT|^UNABLE_TO_|HOSTNAME_MISMATCH/, { tag: "TLS-certificate-error" }],
  [/^(?:ERR_SSL_|EPROTO)/, { tag: "TLS-protocol-error" }],
  [/^HPE_/, { tag: "HTTP-protocol-error" }],
];

/** Patterns of the messages of Deno's client after the URL; its errors have no codes. */
const CODES_BY_MESSAGE: readonly (readonly [RegExp, ErrorCode])[] = [
  [/^tcp connect error: Connection refused|os error 10061/, { tag: "connection-refused" }],
  [/^dns error|lookup address/, { tag: "DNS-error", val: {} }],
  [/certificate|^peer /, { tag: "TLS-certificate-error" }],
  [/^tls handshake|corrupt message|received fatal alert/, { tag: "TLS-protocol-error" }],
  [/^connection (?:closed|error|reset)|reset by peer/i, { tag: "connection-terminated" }],
  [/^invalid HTTP/, { tag: "HTTP-protocol-error" }],
  [/^Method is forbidden/, { tag: "HTTP-request-method-invalid" }],
];

function errorCodeOf(error: unknown): ErrorCode {
  if (error instanceof HttpFailure) return error.payload;
  if (error instanceof Deno.errors.NotCapable) return { tag: "HTTP-request-denied" };
  const { cause, code } = error as Error & { code?: unknown };
  const [, known] = typeof code === "string" ? CODES.find(([each]) => each.test(code)) ?? [] : [];
  if (known) return known;
  const message = messageOf(cause instanceof Error ? cause : error);
  const detail = message.replace(/^.*client error \(\w+\): /, "");
  const [, byMessage] = CODES_BY_MESSAGE.find(([pattern]) => pattern.test(detail)) ?? [];
  return byMessage ?? { tag: "internal-error", val: message };
}
