import { WasiError } from "../errors.ts";
import { type BodySource, OutgoingBody, receivedTrailers } from "../http/bodies.ts";
import type { HttpClient } from "../http/client.ts";
import { Fields } from "../http/fields.ts";
import { FutureIncomingResponse, IncomingResponse, type RequestHead } from "../http/incoming.ts";
import { OutgoingResponse } from "../http/outgoing.ts";
import { type ErrorCode, HttpFailure, methodName } from "../http/types.ts";
import { InputStream } from "../io/input_stream.ts";
import type { GuestTask } from "./guest_task.ts";
import { type Contents, Request, RequestOptions, Response } from "./http_messages.ts";
import { OK, type Outcome, pump, readable } from "./streams.ts";

/** `wasi:http` 0.3. */
export function httpImports(client: HttpClient, task: GuestTask): Record<string, object> {
  return {
    "wasi3:http/types": { Fields, Request, RequestOptions, Response },
    "wasi3:http/client": { send: (request: Request) => send(request, client, task) },
  };
}

/** Returns the request that a guest receives. */
export function receivedRequest(head: RequestHead, source: BodySource): Request {
  return Request.received(head, receivedContents(source));
}

/**
 * Returns a response of a guest as one of 0.2, whose body is written while the guest writes its own.
 * @throws Error for an interim response, which Deno's server cannot send
 */
export function sentResponse(response: Response, task: GuestTask): OutgoingResponse {
  const sent = new OutgoingResponse(response.getHeaders());
  const status = response.getStatusCode();
  if (status < 200) throw new Error(`the guest answered with the interim status ${status}`);
  sent.setStatusCode(status);
  void task.track(transmit(Response.contentsOf(response), sent.body()));
  return sent;
}

async function send(request: Request, client: HttpClient, task: GuestTask): Promise<Response> {
  const headers = request.getHeaders();
  const contents = Request.contentsOf(request);
  const body = contents.chunks && new OutgoingBody("request", headers);
  const future = client.handle({
    method: methodName(request.getMethod()),
    scheme: request.getScheme(),
    authority: request.getAuthority(),
    path: request.getPathWithQuery() ?? "/",
    headers: Fields.toList(headers),
    body,
  }, request.getOptions());
  if (body) void task.track(transmit(contents, body));
  const result = await FutureIncomingResponse.result(future);
  if (!body) void task.track(end(contents, result.tag === "ok" ? OK : result));
  if (result.tag === "err") throw new HttpFailure(result.val);
  const received = result.val;
  const response = new Response(
    received.headers(),
    receivedContents(IncomingResponse.sourceOf(received)),
  );
  response.setStatusCode(received.status());
  return response;
}

/** Sends a body and its trailers through a body of 0.2. */
async function transmit(contents: Contents, body: OutgoingBody): Promise<void> {
  try {
    if (contents.chunks) await pump(contents.chunks, body.write());
    const trailers = await contents.trailers;
    if (trailers.tag === "err") throw new HttpFailure(trailers.val);
    OutgoingBody.finish(body, trailers.val);
    contents.onEnd(OK);
  } catch (error) {
    body[Symbol.dispose]();
    contents.onEnd({ tag: "err", val: codeOf(error) });
  }
}

/** Ends contents without a body, which were transmitted with this outcome. */
async function end(contents: Contents, outcome: Outcome<ErrorCode>): Promise<void> {
  try {
    const trailers = await contents.trailers;
    contents.onEnd(trailers.tag === "ok" ? outcome : trailers);
  } catch {
    // The guest has ended.
  }
}

function receivedContents(source: BodySource): Contents {
  const { read, cancel } = source;
  const [chunks, outcome] = readable(InputStream.of(read, cancel), codeOf);
  const trailers = outcome.then((outcome) =>
    outcome.tag === "ok" ? { tag: "ok", val: receivedTrailers(source) } as const : outcome
  );
  return { chunks, discard: () => void chunks.return!(), trailers, onEnd: () => {} };
}

/** Returns the error code for the cause of a body's failure. */
function codeOf(cause: unknown): ErrorCode {
  if (cause instanceof HttpFailure) return cause.payload;
  if (cause instanceof WasiError) return { tag: "connection-terminated" };
  return { tag: "internal-error", val: cause instanceof Error ? cause.message : undefined };
}
