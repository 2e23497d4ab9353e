import type { Component, Instance } from "./component.ts";
import type { Host } from "../wasi/host.ts";
import { OutgoingBody } from "../wasi/http/bodies.ts";
import type { HeaderList } from "../wasi/http/fields.ts";
import {
  IncomingRequest,
  OutgoingResponse,
  type RequestHead,
  ResponseOutparam,
} from "../wasi/http/incoming.ts";
import type { ErrorCode } from "../wasi/http/types.ts";
import type { Source } from "../wasi/io/input_stream.ts";
import type { Sink } from "../wasi/io/output_stream.ts";
import type { Result } from "../wasi/errors.ts";

/** A request for a guest. */
export interface GuestRequest {
  readonly head: RequestHead;
  readonly body: Source;
}

/** Where a guest's response goes. */
export interface ResponseSink {
  head(status: number, headers: HeaderList): void;
  /** Takes the next bytes of the body, and with them their buffer; the guest waits for the promise. */
  readonly chunk: Sink;
  /** Nothing comes after this; `whole` is false where the guest broke off. */
  end(whole: boolean): void;
}

/**
 * Has an instance run as a command (`wasi:cli/run`).
 * @returns its exit code
 * @throws what trapped
 */
export async function callCommand(component: Component, host: Host): Promise<number> {
  const instance = component.start(host);
  try {
    await instance.interface<{ run(): Promise<void> }>("wasi:cli/run").run();
    return 0;
  } catch (error) {
    if (instance.exitCode !== undefined) return instance.exitCode;
    // The `err` of its result, as the script throws it.
    if (error instanceof Error && Object.hasOwn(error, "payload")) return 1;
    throw error;
  } finally {
    instance[Symbol.dispose]();
    const { stdio, sessions } = host;
    await Promise.all([stdio.stdout.drained(), stdio.stderr.drained(), sessions.drained()]);
  }
}

/**
 * Has an instance answer one request (`wasi:http/incoming-handler`), and ends it.
 * @throws what trapped, before or after the response's head
 */
export async function callHandler(
  instance: Instance,
  { head, body }: GuestRequest,
  sink: ResponseSink,
): Promise<void> {
  using _ = instance;
  const response = new PendingResponse(sink, head.method === "HEAD");
  const handler = instance.interface<Handler>("wasi:http/incoming-handler");
  const out = ResponseOutparam.of((result) => response.set(result));
  try {
    await handler.handle(IncomingRequest.of(head, { read: body, cancel() {} }), out);
  } catch (error) {
    if (instance.exitCode !== 0) throw error;
  }
  instance.recycle();
  await response.over();
}

interface Handler {
  handle(request: IncomingRequest, out: ResponseOutparam): Promise<void>;
}

/** What a guest answers with, from its head to its end. */
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

  /** Waits for the rest of it, once the guest is over. */
  async over(): Promise<void> {
    if (this.#failure) throw new Error(`the guest answered with the error ${this.#failure.tag}`);
    if (!this.#ended) throw new Error("the guest returned without a response");
    if (this.#body) OutgoingBody.abandon(this.#body);
    await this.#ended;
  }

  async #send(body: OutgoingBody, status: number): Promise<void> {
    this.#body = body;
    // Whatever the header says of the body's length, nothing of it is sent (RFC 9110 §6.4.1).
    const isBodiless = this.#isForHead || status === 204 || status === 205 || status === 304;
    OutgoingBody.connect(body, isBodiless ? () => {} : (bytes) => this.#sink.chunk(bytes));
    const end = await OutgoingBody.ended(body);
    this.#sink.end(isBodiless || (end === "finished" && OutgoingBody.hasLength(body)));
  }
}
