import assert from "node:assert/strict";
import { parseHostRule } from "../../../src/run/grants/outbound_rule.ts";
import type { OutgoingBody } from "../../../src/run/wasi/http/bodies.ts";
import { clientImports, type ClientSettings } from "../../../src/run/wasi/http/client.ts";
import { Fields } from "../../../src/run/wasi/http/fields.ts";
import {
  type FutureIncomingResponse,
  IncomingResponse,
} from "../../../src/run/wasi/http/incoming.ts";
import { OutgoingRequest, type RequestOptions } from "../../../src/run/wasi/http/outgoing.ts";
import type { ErrorCode } from "../../../src/run/wasi/http/types.ts";
import type { InputStream } from "../../../src/run/wasi/io/input_stream.ts";
import { InstanceResources } from "../../../src/run/wasi/resources.ts";
import { Denials } from "../../../src/run/grants/denials.ts";
import { streamError, textOf } from "./streams.ts";

/** A request that a guest makes; by default a GET of `/` without anything. */
export interface Asked {
  readonly method?: string;
  readonly scheme?: "HTTP" | "HTTPS";
  readonly authority?: string;
  readonly path?: string;
  readonly headers?: [string, string][];
  readonly options?: RequestOptions;
  /** Fills the body; there is none without it. */
  readonly write?: (body: OutgoingBody) => void;
}

/** A guest that makes requests, by default to hosts on this machine. */
export class HttpCaller implements Disposable {
  readonly resources = new InstanceResources();
  readonly denials: string[] = [];
  readonly #handle: (request: OutgoingRequest, options?: RequestOptions) => FutureIncomingResponse;

  constructor(settings: Partial<ClientSettings> = {}) {
    const denials = new Denials("options", (line) => this.denials.push(line));
    const allowedHosts = [parseHostRule("127.0.0.1")];
    const imports = clientImports({ allowedHosts, ...settings }, denials, this.resources);
    const handler = imports["wasi:http/outgoing-handler"] as {
      handle: (request: OutgoingRequest, options?: RequestOptions) => FutureIncomingResponse;
    };
    this.#handle = handler.handle;
  }

  start(asked: Asked): FutureIncomingResponse {
    const headers = (asked.headers ?? []).map((
      [name, value],
    ): [string, Uint8Array] => [name, new TextEncoder().encode(value)]);
    const request = new OutgoingRequest(Fields.fromList(headers));
    request.setMethod({ tag: "other", val: asked.method ?? "GET" });
    request.setScheme({ tag: asked.scheme ?? "HTTP" });
    request.setAuthority(asked.authority);
    request.setPathWithQuery(asked.path ?? "/");
    const body = asked.write && request.body();
    const future = this.#handle(request, asked.options);
    if (body) asked.write!(body);
    return future;
  }

  async call(asked: Asked): Promise<IncomingResponse | ErrorCode> {
    const future = this.start(asked);
    await future.subscribe().block();
    const result = future.get()!;
    assert(result.tag === "ok");
    return result.val.val;
  }

  [Symbol.dispose](): void {
    this.resources[Symbol.dispose]();
  }
}

/** All that comes of a stream, to its end. */
export async function allOf(stream: InputStream): Promise<string> {
  let text = "";
  try {
    for (;;) text += textOf(await stream.blockingRead(1000n));
  } catch (error) {
    assert(streamError("closed")(error));
    return text;
  }
}

/** The status and the body of what came. */
export async function respondedTo(answer: IncomingResponse | ErrorCode): Promise<string> {
  assert(answer instanceof IncomingResponse, JSON.stringify(answer));
  return `${answer.status()} ${await allOf(answer.consume().stream())}`;
}

/** A server that answers with what it was asked. */
export function startEcho(): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { pathname, search } = new URL(request.url);
    const headers = { "x-asked": JSON.stringify([...request.headers]) };
    const body = await request.text();
    return new Response(`${request.method} ${pathname}${search} ${body}`, { headers });
  });
}
