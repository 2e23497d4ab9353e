import type { TrapFrame } from "../engine/trap_report.ts";
import type { RequestHead } from "../wasi/http/incoming.ts";
import { clientDisconnected, guestFailed, type GuestFailure, responseTimedOut } from "./failure.ts";
import type { ExchangeMessage, ToGuest } from "./messages.ts";
import { GuestResponse } from "./response_body.ts";

/** Milliseconds within which a guest must begin its response, unless the user sets a timeout. */
export const RESPONSE_TIMEOUT = 60_000;

/** A request for a guest. */
export interface ClientRequest {
  readonly head: RequestHead;
  readonly body: ReadableStream<Uint8Array> | null;
  /** True if the client has disconnected. */
  readonly isGone: () => boolean;
  /** The time, of `performance.now()`, at which the request fails if its response has not begun. */
  readonly deadline: number;
}

/** A request under way. */
interface Exchange {
  readonly answered: PromiseWithResolvers<Response | undefined>;
  readonly body: ReadableStream<Uint8Array> | null;
  readonly isGone: () => boolean;
  /** The reader of the body, once the guest has read from it. */
  reader?: ReadableStreamDefaultReader<Uint8Array>;
  /** As of {@link ClientRequest}. */
  deadline: number;
  response?: GuestResponse;
}

export interface ExchangeEvents {
  /** Sends a message to the thread of the guests. */
  readonly send: (message: ToGuest, transfer?: readonly Transferable[]) => void;
  /** Called with a description of each failed request, and the frames of a guest that has trapped. */
  readonly onFailure: (message: string, frames?: readonly TrapFrame[]) => void;
  /** Called when a request has ended. */
  readonly onEnd: () => void;
}

/** The requests under way in one thread, between clients and guests. */
export class Exchanges {
  readonly #events: ExchangeEvents;
  /** Milliseconds for a whole request, as the user has set it. */
  readonly #timeout: number | undefined;
  readonly #exchanges = new Map<number, Exchange>();
  #lastId = 0;

  constructor(events: ExchangeEvents, timeout: number | undefined) {
    this.#events = events;
    this.#timeout = timeout;
  }

  /** Number of requests that clients wait for. */
  get size(): number {
    return this.#exchanges.size;
  }

  /**
   * Sends a request to the thread, and streams both bodies.
   * @returns undefined if {@link endAll} was called before a guest received it
   * @throws GuestFailure
   */
  begin({ head, ...request }: ClientRequest): Promise<Response | undefined> {
    const id = ++this.#lastId;
    const answered = Promise.withResolvers<Response | undefined>();
    this.#exchanges.set(id, { ...request, answered });
    this.#events.send({ type: "request", id, head, hasBody: request.body !== null });
    return answered.promise;
  }

  /** Passes on what guests have sent. */
  receive(messages: readonly ExchangeMessage[]): void {
    const begun = new Set<Exchange>();
    for (const message of messages) {
      if (message.type === "head") this.#begin(message, begun);
      else this.#receive(message);
    }
    // After all messages, so that a response that arrived complete is sent with its length and in one packet.
    for (const { answered, response } of begun) answered.resolve(response!.open());
  }

  /** Fails requests of which the client has disconnected or the deadline is over; a user's timeout is to the end. */
  failAbandoned(): void {
    const now = performance.now();
    for (const [id, { answered, deadline, isGone, response }] of this.#exchanges) {
      if (response && this.#timeout === undefined) continue;
      if (!response && isGone()) {
        answered.reject(clientDisconnected());
        this.#cancel(id);
      } else if (now > deadline) this.#fail(id, responseTimedOut());
    }
  }

  /** Ends all requests: those up to `lastBegun` fail, another thread can handle the others. */
  endAll(failure: GuestFailure, lastBegun: number): void {
    for (const [id, { answered }] of [...this.#exchanges]) {
      if (id <= lastBegun) {
        this.#fail(id, failure);
        continue;
      }
      answered.resolve(undefined);
      this.#remove(id);
    }
  }

  #begin(message: ExchangeMessage & { type: "head" }, begun: Set<Exchange>): void {
    const { id, status, headers } = message;
    const exchange = this.#exchanges.get(id);
    if (!exchange) return;
    exchange.response = new GuestResponse(status, headers, {
      onTaken: (count) => this.#events.send({ type: "taken", id, count }),
      onCancel: () => this.#cancel(id),
    });
    begun.add(exchange);
  }

  #receive(message: Exclude<ExchangeMessage, { type: "head" }>): void {
    switch (message.type) {
      case "piece":
        return this.#exchanges.get(message.id)?.response?.push(message.bytes);
      case "end":
        return this.#finish(message.id, message.isComplete);
      case "failure":
        return this.#fail(message.id, guestFailed(message.report));
      case "want":
        void this.#feed(message.id);
    }
  }

  #finish(id: number, isComplete: boolean): void {
    const exchange = this.#exchanges.get(id);
    if (!exchange) return;
    if (!isComplete) this.#events.onFailure("the guest did not finish its response");
    exchange.response!.end(isComplete);
    this.#close(id);
  }

  async #feed(id: number): Promise<void> {
    const exchange = this.#exchanges.get(id);
    let bytes: Uint8Array | null | undefined;
    try {
      const reader = exchange && (exchange.reader ??= exchange.body?.getReader());
      bytes = (await reader?.read())?.value ?? null;
    } catch {
      bytes = undefined; // The client disconnected.
    }
    // The guest had to wait for the piece.
    if (exchange && this.#timeout === undefined) {
      exchange.deadline = performance.now() + RESPONSE_TIMEOUT;
    }
    this.#events.send({ type: "piece", id, bytes });
  }

  #fail(id: number, failure: GuestFailure): void {
    const exchange = this.#exchanges.get(id);
    if (!exchange) return;
    this.#events.onFailure(failure.message, failure.frames);
    exchange.answered.reject(failure);
    exchange.response?.end(false);
    this.#cancel(id);
  }

  /** Drops a request whose response is no longer needed, and makes the guest stop. */
  #cancel(id: number): void {
    if (!this.#exchanges.has(id)) return;
    this.#events.send({ type: "cancel", id });
    this.#close(id);
  }

  #close(id: number): void {
    const exchange = this.#exchanges.get(id);
    if (!exchange) return;
    const { body, reader } = exchange;
    (reader ?? body)?.cancel().catch(() => {});
    this.#remove(id);
  }

  #remove(id: number): void {
    this.#exchanges.delete(id);
    this.#events.onEnd();
  }
}
