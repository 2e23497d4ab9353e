import { messageOf } from "../../../base/errors.ts";
import type { Denials } from "../../grants/denials.ts";
import { isSelfRequest, OutboundHosts } from "../../grants/outbound_hosts.ts";
import type { OutboundRule } from "../../grants/outbound_rule.ts";
import { MAX_TIMEOUT } from "../clocks.ts";
import type { InstanceResources } from "../resources.ts";
import { type BodySource, OutgoingBody } from "./bodies.ts";
import { FutureIncomingResponse, IncomingResponse } from "./incoming.ts";
import type { RequestOptions, RequestParts } from "./outgoing.ts";
import { type ErrorCode, HttpFailure } from "./types.ts";

/** The hosts that guests may send requests to. */
export interface ClientSettings {
  readonly allowedHosts: readonly OutboundRule[];
  /** The URL at which the app itself listens, as `http://127.0.0.1:3000`; undefined if it does not. */
  readonly self?: string | undefined;
}

/** Methods for which `fetch` does not accept a body. */
const BODILESS = ["GET", "HEAD"];

const NANOSECONDS_PER_MILLISECOND = 1_000_000n;

/** Sends the requests of one guest. */
export class HttpClient {
  readonly #hosts: OutboundHosts;
  readonly #self: string | undefined;
  readonly #denials: Denials;
  readonly #resources: InstanceResources;

  constructor(
    { allowedHosts, self }: ClientSettings,
    denials: Denials,
    resources: InstanceResources,
  ) {
    this.#hosts = new OutboundHosts(allowedHosts);
    this.#self = self;
    this.#denials = denials;
    this.#resources = resources;
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
    return new ClientRequest(parts, options, this.#resources).start(target);
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
  /** Milliseconds until the head of the response. */
  readonly #headTimeout: number | undefined;
  /** Milliseconds until the next chunk of the response's body. */
  readonly #chunkTimeout: number | undefined;
  readonly #abort = new AbortController();
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;

  constructor(
    parts: RequestParts,
    options: RequestOptions | undefined,
    resources: InstanceResources,
  ) {
    this.#parts = parts;
    this.#resources = resources;
    const firstByte = options?.firstByteTimeout();
    // The sum of both timeouts, because `fetch` does not report when it is connected.
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
    const { method } = this.#parts;
    const headers = new Headers();
    for (const [name, value] of this.#parts.headers) headers.append(name, value);
    // Otherwise Deno requests a compressed body and decompresses it, which the guest did not ask for.
    if (!headers.has("accept-encoding")) headers.set("accept-encoding", "identity");
    const body = this.#requestBody();
    const { signal } = this.#abort;
    const sent = fetch(url, { method, headers, body, redirect: "manual", signal });
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

  #responseBody(response: Response): BodySource {
    const reader = this.#reader = response.body?.getReader();
    return {
      read: async () => {
        try {
          const chunk = await this.#withTimeout(this.#chunkTimeout, reader?.read());
          this.#abort.signal.throwIfAborted();
          if (chunk && !chunk.done) return chunk.value;
          this.#release();
          return null;
        } catch (error) {
          this.#release();
          throw new HttpFailure(errorCodeOf(error), messageOf(error));
        }
      },
      cancel: () => this[Symbol.dispose](),
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

/** Patterns of Deno's error messages after the URL; its errors have no codes. */
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
  const { cause } = error as Error;
  const message = messageOf(cause instanceof Error ? cause : error);
  const detail = message.replace(/^.*client error \(\w+\): /, "");
  const [, code] = CODES_BY_MESSAGE.find(([pattern]) => pattern.test(detail)) ?? [];
  return code ?? { tag: "internal-error", val: message };
}
