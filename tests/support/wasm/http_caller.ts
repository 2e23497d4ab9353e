import assert from "node:assert/strict";
import { Denials } from "../../../src/run/grants/denials.ts";
import { parseHostRule } from "../../../src/run/grants/outbound_rule.ts";
import type { OutgoingBody } from "../../../src/run/wasi/http/bodies.ts";
import { type ClientSettings, HttpClient } from "../../../src/run/wasi/http/client.ts";
import { Fields } from "../../../src/run/wasi/http/fields.ts";
import {
  type FutureIncomingResponse,
  IncomingResponse,
} from "../../../src/run/wasi/http/incoming.ts";
import { OutgoingRequest, type RequestOptions } from "../../../src/run/wasi/http/outgoing.ts";
import type { ErrorCode } from "../../../src/run/wasi/http/types.ts";
import type { InputStream } from "../../../src/run/wasi/io/input_stream.ts";
import { InstanceResources } from "../../../src/run/wasi/resources.ts";
import { streamError, textOf } from "./streams.ts";

/** A request of a guest; by default a GET of `/` without headers and body. */
export interface CallRequest {
  readonly method?: string;
  readonly scheme?: "HTTP" | "HTTPS";
  readonly authority?: string;
  readonly path?: string;
  readonly headers?: [string, string][];
  readonly options?: RequestOptions;
  /** Writes the body; the request has none without it. */
  readonly write?: (body: OutgoingBody) => void;
}

/** A guest that sends requests, by default only to 127.0.0.1. */
export class HttpCaller implements Disposable {
  readonly resources = new InstanceResources();
  readonly denials: string[] = [];
  readonly #handle: (request: OutgoingRequest, options?: RequestOptions) => FutureIncomingResponse;

  constructor(settings: Partial<ClientSettings> = {}) {
    const denials = new Denials("options", (line) => this.denials.push(line));
    const allowedHosts = [parseHostRule("127.0.0.1")];
    const client = new HttpClient({ allowedHosts, ...settings }, denials, this.resources);
    this.#handle = (request, options) => client.handle(OutgoingRequest.parts(request), options);
  }

  start(
    { method = "GET", scheme = "HTTP", authority, path = "/", ...rest }: CallRequest,
  ): FutureIncomingResponse {
    const headers = (rest.headers ?? []).map((
      [name, value],
    ): [string, Uint8Array] => [name, new TextEncoder().encode(value)]);
    const request = new OutgoingRequest(Fields.fromList(headers));
    request.setMethod({ tag: "other", val: method });
    request.setScheme({ tag: scheme });
    request.setAuthority(authority);
    request.setPathWithQuery(path);
    const body = rest.write && request.body();
    const future = this.#handle(request, rest.options);
    if (body) rest.write!(body);
    return future;
  }

  async call(request: CallRequest): Promise<IncomingResponse | ErrorCode> {
    const future = this.start(request);
    await future.subscribe().block();
    const result = future.get()!;
    assert(result.tag === "ok");
    return result.val.val;
  }

  [Symbol.dispose](): void {
    this.resources[Symbol.dispose]();
  }
}

/** Reads the text of a stream to its end. */
export async function textToEnd(stream: InputStream): Promise<string> {
  let text = "";
  try {
    for (;;) text += textOf(await stream.blockingRead(1000n));
  } catch (error) {
    assert(streamError("closed")(error));
    return text;
  }
}

/** Returns the status and the body of a response, as text. */
export async function statusAndBody(response: IncomingResponse | ErrorCode): Promise<string> {
  assert(response instanceof IncomingResponse, JSON.stringify(response));
  return `${response.status()} ${await textToEnd(response.consume().stream())}`;
}

/** Starts a server whose responses contain the request. */
export function startEcho(): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { pathname, search } = new URL(request.url);
    const headers = { "x-received": JSON.stringify([...request.headers]) };
    const body = await request.text();
    return new Response(`${request.method} ${pathname}${search} ${body}`, { headers });
  });
}
