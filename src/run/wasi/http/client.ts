import { messageOf } from "../../../base/errors.ts";
import { isSelfRequest, OutboundHosts } from "../../grants/outbound_hosts.ts";
import type { OutboundRule } from "../../grants/outbound_rule.ts";
import { type BodySource, OutgoingBody } from "./bodies.ts";
import {
  FutureIncomingResponse,
  IncomingResponse,
  OutgoingRequest,
  RequestOptions,
  type RequestParts,
} from "./outgoing.ts";
import { type ErrorCode, HttpFailure } from "./types.ts";
import type { InstanceResources } from "../resources.ts";
import type { Denials } from "../../grants/denials.ts";

/** What guests may reach. */
export interface ClientSettings {
  readonly allowedHosts: readonly OutboundRule[];
  /** Where the app itself listens, as `http://127.0.0.1:3000`; undefined for what does not. */
  readonly self?: string | undefined;
}

/** Methods whose requests `fetch` gives no body. */
const BODILESS = ["GET", "HEAD"];

const NANOSECONDS = 1_000_000n;

/** `wasi:http/outgoing-handler`. */
export function clientImports(
  { allowedHosts, self }: ClientSettings,
  denials: Denials,
  resources: InstanceResources,
): Record<string, object> {
  const hosts = new OutboundHosts(allowedHosts);
  return {
    "wasi:http/outgoing-handler": {
      handle(request: OutgoingRequest, options: RequestOptions | undefined) {
        const parts = OutgoingRequest.parts(request);
        const url = urlOf(parts);
        if (!hosts.allows(url)) {
          denials.network(url);
          throw new HttpFailure({ tag: "HTTP-request-denied" });
        }
        if (resources.isFull) throw new HttpFailure({ tag: "connection-limit-reached" });
        return new Call(parts, options, resources).start(isSelfRequest(url) ? at(url, self) : url);
      },
    },
  };
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

/** The same place of the app itself, where it really is. */
function at({ pathname, search }: URL, self: string | undefined): URL {
  if (self === undefined) throw new HttpFailure({ tag: "HTTP-request-URI-invalid" });
  return new URL(`${self}${pathname}${search}`);
}

/** One request to the outside, until its response is read to the end or nobody wants it any more. */
class Call implements Disposable {
  readonly #parts: RequestParts;
  readonly #resources: InstanceResources;
  /** In milliseconds. */
  readonly #headTimeout: number | undefined;
  readonly #pieceTimeout: number | undefined;
  readonly #stop = new AbortController();

  constructor(
    parts: RequestParts,
    options: RequestOptions | undefined,
    resources: InstanceResources,
  ) {
    this.#parts = parts;
    this.#resources = resources;
    const first = options?.firstByteTimeout();
    // `fetch` does not tell when it is connected: both have to be over.
    this.#headTimeout = inMilliseconds(first && first + (options?.connectTimeout() ?? 0n));
    this.#pieceTimeout = inMilliseconds(options?.betweenBytesTimeout());
  }

  start(url: URL): FutureIncomingResponse {
    this.#resources.hold(this);
    const result = this.#send(url).then(
      (val) => ({ tag: "ok", val } as const),
      (error) => {
        this.#over();
        return { tag: "err", val: errorCodeOf(error) } as const;
      },
    );
    return FutureIncomingResponse.of(result, () => this[Symbol.dispose]());
  }

  [Symbol.dispose](): void {
    this.#stop.abort(new HttpFailure({ tag: "connection-terminated" }));
    this.#over();
  }

  #over(): void {
    this.#resources.release(this);
  }

  async #send(url: URL): Promise<IncomingResponse> {
    const { method, headers } = this.#parts;
    const body = this.#requestBody();
    const init: RequestInit = {
      method,
      headers: new Headers(headers.map(([name, value]): [string, string] => [name, value])),
      body,
      redirect: "manual",
      signal: this.#stop.signal,
    };
    // Otherwise Deno asks for a compressed body and decompresses it, and nothing of that is the guest's wish.
    const sent = init.headers as Headers;
    if (!sent.has("accept-encoding")) sent.set("accept-encoding", "identity");
    const response = await within(this.#headTimeout, this.#stop, fetch(url, init));
    return IncomingResponse.of(response.status, response.headers, this.#responseBody(response));
  }

  #requestBody(): ReadableStream<Uint8Array> | null {
    const { body, method } = this.#parts;
    if (!body) return null;
    if (BODILESS.includes(method)) {
      OutgoingBody.connect(body, () => {
        throw new HttpFailure({ tag: "HTTP-request-body-size", val: 0n }, "GET has no body");
      });
      return null;
    }
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    OutgoingBody.connect(body, (bytes) => writer.write(bytes));
    OutgoingBody.ended(body)
      .then((end) => end === "finished" ? writer.close() : writer.abort(new Error("broken off")))
      .catch(() => {}); // The response is what tells of it.
    return readable;
  }

  #responseBody(response: Response): BodySource {
    const reader = response.body?.getReader();
    return {
      read: async () => {
        try {
          const piece = await within(this.#pieceTimeout, this.#stop, reader?.read());
          if (piece && !piece.done) return piece.value;
          this.#over();
          return null;
        } catch (error) {
          this.#over();
          throw new HttpFailure(errorCodeOf(error), messageOf(error));
        }
      },
      cancel: () => this[Symbol.dispose](),
    };
  }
}

function inMilliseconds(nanoseconds: bigint | undefined): number | undefined {
  return nanoseconds === undefined ? undefined : Number(nanoseconds / NANOSECONDS);
}

/** Waits for something that `stop` ends, and stops it if it takes longer than so many milliseconds. */
async function within<T>(
  timeout: number | undefined,
  stop: AbortController,
  something: T | Promise<T>,
): Promise<T> {
  if (timeout === undefined) return await something;
  const late = new HttpFailure({ tag: "connection-read-timeout" });
  const timer = setTimeout(() => stop.abort(late), Math.min(timeout, 2 ** 31 - 1));
  try {
    return await something;
  } finally {
    clearTimeout(timer);
  }
}

/** What Deno says in words, after the URL. */
const MESSAGES: readonly (readonly [RegExp, ErrorCode])[] = [
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
  const [, code] = MESSAGES.find(([pattern]) => pattern.test(detail)) ?? [];
  return code ?? { tag: "internal-error", val: message };
}
