import { interrupted, throwIfAborted } from "../../base/errors.ts";
import type { GuestProgram } from "../engine/component.ts";
import type { TrapFrame } from "../engine/trap_report.ts";
import { permissionsFor } from "../engine/permissions.ts";
import { GuestSockets } from "../sockets/guest_sockets.ts";
import type { RequestHead } from "../wasi/http/incoming.ts";
import {
  cannotLoad,
  clientDisconnected,
  guestFailed,
  GuestFailure,
  responseTimedOut,
  serverStopping,
  startTimedOut,
} from "./failure.ts";
import { SharedCounters, Watchdog } from "./heartbeat.ts";
import { MessageBatch } from "./message_batch.ts";
import type { FromGuest, ToGuest } from "./messages.ts";
import { GuestResponse } from "./response_body.ts";

/** Milliseconds within which a guest must begin its response, unless the user sets a timeout. */
export const RESPONSE_TIMEOUT = 60_000;

/** Milliseconds without a beat after which a thread gets no more requests if another one has room. */
const BLOCKED_AFTER = 200;

/** Milliseconds without a beat after which a thread is ended, with all its requests, unless the user sets a timeout. */
export const HANG_TIMEOUT = 10_000;

/** Limit on requests under way in one thread; each has its own instance and memory. */
export const REQUESTS_PER_THREAD = 32;

/** Receives what a guest's thread reports beside responses. */
export interface GuestEvents {
  /** Called with a description, in one line, of each failed request, and the frames of a guest that has trapped. */
  readonly onFailure: (message: string, frames?: readonly TrapFrame[]) => void;
  /** Called with one line for each denied access, which names what would grant it. */
  readonly onDenial: (message: string) => void;
  /** Called with the number of requests for which there is now room, here or in a thread that replaces this one. */
  readonly onRoom?: (count: number) => void;
  /**
   * Hands the port of a thread to the thread that owns the stores.
   * @returns a function to be called when the guest's thread has ended
   */
  readonly openState?: (port: MessagePort) => () => void;
}

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

/**
 * A thread that runs one component, with its requests under way. Its Deno permissions are the component's grants.
 *
 * Beats in shared memory show that its event loop turns. If they stop, a guest is computing; after
 * {@link HANG_TIMEOUT} milliseconds the thread is ended with all its requests.
 */
export class GuestThread {
  readonly #worker: Worker;
  readonly #outbox: MessageBatch<ToGuest>;
  readonly #events: GuestEvents;
  readonly #sockets: GuestSockets;
  readonly #exchanges = new Map<number, Exchange>();
  readonly #loaded = Promise.withResolvers<void>();
  readonly #counters = new SharedCounters();
  readonly #watchdog = new Watchdog(this.#counters, () => this.#check());
  /** As of `--timeout`. */
  readonly #timeout: number | undefined;
  #lastId = 0;
  #ended = false;
  #closeState: (() => void) | undefined;

  private constructor(program: GuestProgram, events: GuestEvents) {
    this.#events = events;
    this.#timeout = program.settings.limits?.timeout;
    this.#sockets = new GuestSockets(program.settings);
    this.#worker = new Worker(new URL("./guest_worker.ts", import.meta.url), {
      type: "module",
      deno: { permissions: permissionsFor(program.settings) },
    });
    this.#outbox = new MessageBatch((messages, transfer) => {
      if (!this.#ended) this.#worker.postMessage(messages, transfer);
    });
    this.#worker.onmessage = ({ data }: MessageEvent<FromGuest[]>) => this.#receiveAll(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#end(new GuestFailure(500, event.message));
    };
    this.#outbox.post({ type: "load", program, counters: this.#counters.memory });
  }

  /**
   * Starts a thread and loads a component into it.
   * @throws LarderError LDR_GUEST if the component cannot be loaded within {@link HANG_TIMEOUT} milliseconds;
   * LDR_INTERRUPTED
   */
  static async start(
    program: GuestProgram,
    events: GuestEvents,
    signal?: AbortSignal,
  ): Promise<GuestThread> {
    throwIfAborted(signal);
    const guest = new GuestThread(program, events);
    const timer = setTimeout(() => guest.#end(startTimedOut()), HANG_TIMEOUT);
    const onAbort = () => guest.#loaded.reject(interrupted());
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      await guest.#loaded.promise;
      return guest;
    } catch (error) {
      guest.stop();
      throw error;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** Number of requests under way: those that clients wait for, or those whose guests have not returned. */
  get load(): number {
    return Math.max(this.#exchanges.size, this.#counters.underWay);
  }

  /** True if the thread has ended, by itself or through {@link stop}. */
  get isEnded(): boolean {
    return this.#ended;
  }

  /** True if a guest is computing, so that another request would have to wait. */
  get isBlocked(): boolean {
    return this.load > 0 && this.#watchdog.silence >= BLOCKED_AFTER;
  }

  /**
   * Passes a request to a new guest, and streams both bodies.
   * @returns undefined if the thread ended before the guest received the request, which another thread can handle then
   * @throws GuestFailure
   */
  handle({ head, ...request }: ClientRequest): Promise<Response | undefined> {
    if (this.#ended) return Promise.resolve(undefined);
    const id = ++this.#lastId;
    this.#watchdog.watch();
    const answered = Promise.withResolvers<Response | undefined>();
    this.#exchanges.set(id, { ...request, answered });
    this.#outbox.post({ type: "request", id, head, hasBody: request.body !== null });
    return answered.promise;
  }

  /** Ends the thread; its requests fail. */
  stop(): void {
    this.#end(serverStopping());
  }

  #receiveAll(messages: readonly FromGuest[]): void {
    const begun = new Set<Exchange>();
    for (const message of messages) {
      if (message.type === "head") this.#begin(message, begun);
      else this.#receive(message);
    }
    // After all messages, so that a response that arrived complete is sent with its length and in one packet.
    for (const { answered, response } of begun) answered.resolve(response!.open());
  }

  #begin(message: FromGuest & { type: "head" }, begun: Set<Exchange>): void {
    const { id, status, headers } = message;
    const exchange = this.#exchanges.get(id);
    if (!exchange) return;
    exchange.response = new GuestResponse(status, headers, {
      onTaken: (count) => this.#outbox.post({ type: "taken", id, count }),
      onCancel: () => this.#cancel(id),
    });
    begun.add(exchange);
  }

  #receive(message: Exclude<FromGuest, { type: "head" }>): void {
    switch (message.type) {
      case "loaded":
        return this.#loaded.resolve();
      case "unloadable":
        return this.#loaded.reject(cannotLoad(message.message));
      case "piece":
        return this.#exchanges.get(message.id)?.response?.push(message.bytes);
      case "end":
        return this.#finish(message.id, message.isComplete);
      case "failure":
        return this.#fail(message.id, guestFailed(message.report));
      case "want":
        void this.#feed(message.id);
        return;
      case "sockets":
        void this.#sockets.serve(message.port);
        return;
      case "state":
        this.#closeState = this.#events.openState?.(message.port);
        return;
      case "denial":
        return this.#events.onDenial(message.message);
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
    this.#outbox.post({ type: "piece", id, bytes });
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
    this.#outbox.post({ type: "cancel", id });
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
    this.#events.onRoom?.(1);
  }

  #check(): void {
    if (this.#watchdog.silence >= (this.#timeout ?? HANG_TIMEOUT)) {
      if (this.#exchanges.size === 0) {
        this.#events.onFailure("the guest kept computing after its response");
      }
      return this.#end(responseTimedOut());
    }
    this.#failAbandoned();
    // Guests that continued after their responses end without a message.
    this.#events.onRoom?.(REQUESTS_PER_THREAD - this.load);
    if (this.load === 0) this.#watchdog.stop();
  }

  /** Fails requests of which the client has disconnected or the deadline is over; a user's timeout is to the end. */
  #failAbandoned(): void {
    const now = performance.now();
    for (const [id, { answered, deadline, isGone, response }] of this.#exchanges) {
      if (response && this.#timeout === undefined) continue;
      if (!response && isGone()) {
        answered.reject(clientDisconnected());
        this.#cancel(id);
      } else if (now > deadline) this.#fail(id, responseTimedOut());
    }
  }

  #end(failure: GuestFailure): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#worker.terminate();
    this.#sockets.close();
    this.#closeState?.();
    this.#loaded.reject(cannotLoad(failure.message));
    this.#loaded.promise.catch(() => {}); // Settled long ago, unless the thread is still starting.
    this.#watchdog.stop();
    for (const [id, { answered }] of [...this.#exchanges]) {
      if (id <= this.#counters.lastBegun) {
        this.#fail(id, failure);
        continue;
      }
      answered.resolve(undefined);
      this.#remove(id);
    }
    this.#events.onRoom?.(REQUESTS_PER_THREAD);
  }
}
