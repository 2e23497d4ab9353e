import type { HttpRequest, HttpResponse, Transport } from "../../../src/registry/http/transport.ts";

/** A response that records whether its body was read to its end or cancelled, which every receiver has to do. */
export interface FakeResponse extends HttpResponse {
  /** The URL of the request. */
  url: string;
  readonly isReleased: boolean;
}

/** Makes a response with a body of text, or of these chunks. */
export function response(
  status: number,
  headers: Record<string, string> = {},
  body: string | readonly Uint8Array[] = "body",
): FakeResponse {
  const chunks = typeof body === "string" ? [new TextEncoder().encode(body)] : [...body];
  let isReleased = false;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      const chunk = chunks.shift();
      if (chunk) return controller.enqueue(chunk);
      isReleased = true;
      controller.close();
    },
    cancel: () => {
      isReleased = true;
    },
  }, { highWaterMark: 0 });
  return {
    url: "",
    status,
    headers: new Headers(headers),
    body: stream,
    get isReleased() {
      return isReleased;
    },
  };
}

type Reply = FakeResponse | Error | ((request: HttpRequest) => FakeResponse | Error);

/** Gives its replies in order, the last one repeatedly, and records the requests. */
export class FakeTransport implements Transport {
  readonly requests: HttpRequest[] = [];
  readonly #replies: readonly Reply[];

  constructor(...replies: Reply[]) {
    this.#replies = replies;
  }

  /** Each request as `GET https://reg.test/v2/`. */
  get lines(): string[] {
    return this.requests.map(({ method, url }) => `${method} ${url.href}`);
  }

  // deno-lint-ignore require-await
  async send(request: HttpRequest): Promise<HttpResponse> {
    const next = this.#replies[Math.min(this.requests.length, this.#replies.length - 1)]!;
    this.requests.push(request);
    const reply = typeof next === "function" ? next(request) : next;
    if (reply instanceof Error) throw reply;
    reply.url = request.url.href;
    return reply;
  }
}

/** Makes a `GET` request for this URL. */
export function get(url: string, more: Partial<HttpRequest> = {}): HttpRequest {
  return { method: "GET", url: new URL(url), headers: {}, ...more };
}
