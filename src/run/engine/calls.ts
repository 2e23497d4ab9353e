import type { Result } from "../wasi/errors.ts";
import type { Host } from "../wasi/host.ts";
import { OutgoingBody } from "../wasi/http/bodies.ts";
import type { HeaderList } from "../wasi/http/fields.ts";
import { IncomingRequest, type RequestHead } from "../wasi/http/incoming.ts";
import { OutgoingResponse, ResponseOutparam } from "../wasi/http/outgoing.ts";
import type { ErrorCode } from "../wasi/http/types.ts";
import type { Source } from "../wasi/io/input_stream.ts";
import type { Sink } from "../wasi/io/output_stream.ts";
import type { GuestTask } from "../wasi/preview3/guest_task.ts";
import { receivedRequest, sentResponse } from "../wasi/preview3/http.ts";
import type { Request, Response } from "../wasi/preview3/http_messages.ts";
import type { Component, Instance } from "./component.ts";
import { guestTrap } from "./trap_report.ts";

/** A request for a guest. */
export interface GuestRequest {
  readonly head: RequestHead;
  readonly body: Source;
}

/** Receives a guest's response. */
export interface ResponseSink {
  head(status: number, headers: HeaderList): void;
  /** Takes the next bytes of the body and ownership of their buffer; the guest waits for the promise. */
  readonly chunk: Sink;
  /** Called last; `isComplete` is false if the guest did not finish its body. */
  end(isComplete: boolean): void;
}

/**
 * Instantiates a component and calls `wasi:cli/run`.
 * @returns the exit code
 * @throws GuestTrap
 */
export async function callCommand(component: Component, host: Host): Promise<number> {
  const instance = component.start(host);
  try {
    const asynchronous = instance.interface<Command>("wasi:cli/run@0.3");
    await (asynchronous ?? instance.interface<Command>("wasi:cli/run@")!).run();
    if (asynchronous) await instance.task!.ended;
    return 0;
  } catch (error) {
    if (instance.exitCode !== undefined) return instance.exitCode;
    if (isErrorResult(error)) return 1;
    throw guestTrap(error, instance.memoryUse);
  } finally {
    await instance.task?.end();
    instance[Symbol.dispose]();
    const { stdio, sessions } = host;
    await Promise.all([stdio.stdout.drained(), stdio.stderr.drained(), sessions.drained()]);
  }
}

/**
 * Calls `wasi:http/incoming-handler` of an instance for one request, and disposes of the instance.
 * @throws GuestTrap, before or after the head of the response
 */
export async function callHandler(
  instance: Instance,
  { head, body }: GuestRequest,
  sink: ResponseSink,
): Promise<void> {
  using _ = instance;
  const response = new PendingResponse(sink, head.method === "HEAD");
  const source = { read: body, cancel() {} };
  const handler = instance.interface<Handler3>("wasi:http/handler@0.3");
  try {
    if (handler) await handle3(handler, instance.task!, receivedRequest(head, source), response);
    else await handle2(instance, new IncomingRequest(head, source), response);
    instance.recycle();
  } catch (error) {
    if (instance.exitCode !== 0) throw guestTrap(error, instance.memoryUse);
  }
  await response.finish();
}

interface Command {
  run(): Promise<void>;
}

interface Handler2 {
  handle(request: IncomingRequest, out: ResponseOutparam): Promise<void>;
}

interface Handler3 {
  handle(request: Request): Promise<Response>;
}

async function handle2(
  instance: Instance,
  request: IncomingRequest,
  response: PendingResponse,
): Promise<void> {
  const handler = instance.interface<Handler2>("wasi:http/incoming-handler@")!;
  await handler.handle(request, new ResponseOutparam((result) => response.set(result)));
}

/** Calls the handler of WASI 0.3, which returns the response and may continue after that. */
async function handle3(
  handler: Handler3,
  task: GuestTask,
  request: Request,
  response: PendingResponse,
): Promise<void> {
  try {
    response.set({ tag: "ok", val: sentResponse(await handler.handle(request), task) });
  } catch (error) {
    if (!isErrorResult(error)) throw error;
    response.set({ tag: "err", val: error.payload });
  }
  try {
    await task.ended;
  } finally {
    await task.transferred();
  }
}

/** The generated script throws the `err` of a result as an error with a payload. */
export function isErrorResult(error: unknown): error is Error & { payload: ErrorCode } {
  return error instanceof Error && Object.hasOwn(error, "payload");
}

/** Passes a guest's response on to a sink. */
class PendingResponse {
  readonly #sink: ResponseSink;
  readonly #isForHead: boolean;
  #failure: ErrorCode | undefined;
  #body: OutgoingBody | undefined;
  #ended: Promise<void> | undefined;

  constructor(sink: ResponseSink, isForHead: boolean) {
    this.#sink = sink;
    this.#isForHead = isForHead;
  }

  set(result: Result<OutgoingResponse, ErrorCode>): void {
    if (result.tag === "err") {
      this.#failure = result.val;
      return;
    }
    const { status, headers, body } = OutgoingResponse.parts(result.val);
    this.#sink.head(status, headers);
    this.#ended = body ? this.#send(body, status) : Promise.resolve(this.#sink.end(true));
  }

  /** Waits for the rest of the response after the guest has returned. */
  async finish(): Promise<void> {
    if (this.#failure) throw new Error(`the guest answered with the error ${this.#failure.tag}`);
    if (!this.#ended) throw new Error("the guest returned without a response");
    if (this.#body) OutgoingBody.abandon(this.#body);
    await this.#ended;
  }

  async #send(body: OutgoingBody, status: number): Promise<void> {
    this.#body = body;
    // No body is sent, whatever the headers say of its length (RFC 9110 §6.4.1).
    const isBodiless = this.#isForHead || status === 204 || status === 205 || status === 304;
    OutgoingBody.connect(body, isBodiless ? () => {} : (bytes) => this.#sink.chunk(bytes));
    const end = await OutgoingBody.ended(body);
    this.#sink.end(isBodiless || (end === "finished" && OutgoingBody.hasLength(body)));
  }
}
