import type { HttpRequest, HttpResponse, Transport } from "../../../src/registry/http/transport.ts";

/** An answer that knows whether its body was read to its end or given up, as whoever gets one has to. */
export interface FakeResponse extends HttpResponse {
  /** That of the request it answers. */
  url: string;
  readonly isReleased: boolean;
}

/** An answer with a body of text, or of these chunks. */
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

type Answer = FakeResponse | Error | ((request: HttpRequest) => FakeResponse | Error);

/** Gives the answers it was made with, one a request and the last again and again, and keeps the requests. */
export class FakeTransport implements Transport {
  readonly requests: HttpRequest[] = [];
  readonly #answers: readonly Answer[];

  constructor(...answers: Answer[]) {
    this.#answers = answers;
  }

  /** `GET https://reg.test/v2/` of each request. */
  get lines(): string[] {
    return this.requests.map(({ method, url }) => `${method} ${url.href}`);
  }

  // deno-lint-ignore require-await
  async send(request: HttpRequest): Promise<HttpResponse> {
    const next = this.#answers[Math.min(this.requests.length, this.#answers.length - 1)]!;
    this.requests.push(request);
    const answer = typeof next === "function" ? next(request) : next;
    if (answer instanceof Error) throw answer;
    answer.url = request.url.href;
    return answer;
  }
}

/** A `GET` of this address. */
export function get(url: string, more: Partial<HttpRequest> = {}): HttpRequest {
  return { method: "GET", url: new URL(url), headers: {}, ...more };
}
