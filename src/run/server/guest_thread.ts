import { interrupted, LarderError, throwIfAborted } from "../../base/errors.ts";
import type { GuestProgram } from "../engine/component.ts";
import { permissionsFor } from "../engine/permissions.ts";
import { GuestSockets } from "../sockets/socket_hosts.ts";
import type { RequestHead } from "../wasi/http/incoming.ts";
import {
  clientDisconnected,
  GuestFailure,
  responseTimedOut,
  serverStopping,
  startTimedOut,
} from "./failure.ts";
import { SharedCounters, Watchdog } from "./heartbeat.ts";
import { MessageBatch } from "./message_batch.ts";
import type { FromGuest, ToGuest } from "./messages.ts";
import { GuestResponse } from "./response_body.ts";

/** A guest that has not begun its response after so long is given up. */
export const RESPONSE_TIMEOUT = 60_000;

/** A guest's thread that has not shown so for this long gets no new request if another can have it … */
const BLOCKED_AFTER = 200;

/** … and is ended after this: what else it had under way is lost, and a new thread takes its place. */
const HANG_TIMEOUT = 10_000;

/** Requests that a thread has under way at most; each has an instance, and its memory, of its own. */
export const REQUESTS_PER_THREAD = 32;

/** What a guest tells beside its responses. */
export interface GuestEvents {
  /** A request that it failed, in one line. */
  readonly onFailure: (message: string) => void;
  /** Something that it was refused, and what would grant it, in one line. */
  readonly onDenial: (message: string) => void;
  /** There is room for so many more requests: in the thread, or in another one in its place. */
  readonly onRoom?: (count: number) => void;
}

/** A request for a guest. */
export interface ClientRequest {
  readonly head: RequestHead;
  readonly body: ReadableStream<Uint8Array> | null;
  /** Whether nobody waits for the response any more. */
  readonly isGone: () => boolean;
  /** When it is given up, if its response has not begun; of `performance.now()`. */
  readonly deadline: number;
}

/** One request under way. */
interface Exchange {
  readonly answered: PromiseWithResolvers<Response | undefined>;
  readonly body: ReadableStream<Uint8Array> | null;
  readonly isGone: () => boolean;
  /** Of the body, once the guest has asked for some of it. */
  reader?: ReadableStreamDefaultReader<Uint8Array>;
  /** As of {@link ClientRequest}. */
  deadline: number;
  response?: GuestResponse;
}

/**
 * A thread that runs one component, and the requests that it has under way. It may do no more than the component
 * was granted, whatever gets hold of it.
 *
 * It shows by a pulse in shared memory that its event loop turns. A thread without one is in the hands of a guest
 * that computes, and after {@link HANG_TIMEOUT} milliseconds it is ended with all that it was doing.
 */
export class GuestThread {
  readonly #worker: Worker;
  readonly #outbox: MessageBatch<ToGuest>;
  readonly #events: GuestEvents;
  readonly #sockets: GuestSockets;
  readonly #exchanges = new Map<number, Exchange>();
  readonly #loaded = Promise.withResolvers<void>();
  readonly #counters = new SharedCounters();
  readonly #watchdog = new Watchdog(this.#counters, () => this.#look());
  #lastId = 0;
  #ended = false;

  private constructor(program: GuestProgram, events: GuestEvents) {
    this.#events = events;
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
    this.#outbox.post({ type: "load", program, gauge: this.#counters.memory });
  }

  /**
   * Starts a thread and loads a component into it.
   * @throws LarderError LDR_GUEST if the component cannot be loaded, or not within {@link HANG_TIMEOUT} milliseconds;
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

  /** Requests under way: those that clients wait for, and those that guests are not done with. */
  get load(): number {
    return Math.max(this.#exchanges.size, this.#counters.underWay);
  }

  /** Whether the thread was ended, by itself or by {@link stop}. */
  get isEnded(): boolean {
    return this.#ended;
  }

  /** Whether a guest computes there, so that another request would have to wait for it. */
  get isBlocked(): boolean {
    return this.load > 0 && this.#watchdog.silence >= BLOCKED_AFTER;
  }

  /**
   * Has the guest answer a request; its body flows in both directions as each side reads.
   * @returns undefined if the thread ended before a guest had anything of the request; another thread can have it
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

  /** Ends the thread; what it has under way fails. */
  stop(): void {
    this.#end(serverStopping());
  }

  #receiveAll(messages: readonly FromGuest[]): void {
    const begun = new Set<Exchange>();
    for (const message of messages) {
      if (message.type === "head") this.#begin(message, begun);
      else this.#receive(message);
    }
    // A response that came whole goes out whole: with its length, and in one packet.
    for (const { answered, response } of begun) answered.resolve(response!.open());
  }

  #begin(message: FromGuest & { type: "head" }, begun: Set<Exchange>): void {
    const { id, status, headers } = message;
    const exchange = this.#exchanges.get(id);
    if (!exchange) return;
    exchange.response = new GuestResponse(status, headers, {
      onTaken: (count) => this.#outbox.post({ type: "taken", id, count }),
      onCancel: () => this.#forget(id),
    });
    begun.add(exchange);
  }

  #receive(message: Exclude<FromGuest, { type: "head" }>): void {
    switch (message.type) {
      case "loaded":
        return this.#loaded.resolve();
      case "unloadable":
        return this.#loaded.reject(unloadable(message.message));
      case "piece":
        return this.#exchanges.get(message.id)?.response?.push(message.bytes);
      case "end":
        return this.#finish(message.id, message.whole);
      case "failure":
        return this.#fail(message.id, new GuestFailure(500, message.message));
      case "want":
        void this.#feed(message.id);
        return;
      case "sockets":
        void this.#sockets.serve(message.port);
        return;
      case "refusal":
        return this.#events.onDenial(message.message);
    }
  }

  #finish(id: number, whole: boolean): void {
    const exchange = this.#exchanges.get(id);
    if (!exchange) return;
    if (!whole) this.#events.onFailure("the guest broke off its response");
    exchange.response!.end(whole);
    this.#drop(id);
  }

  async #feed(id: number): Promise<void> {
    const exchange = this.#exchanges.get(id);
    let bytes: Uint8Array | null | undefined;
    try {
      const reader = exchange && (exchange.reader ??= exchange.body?.getReader());
      bytes = (await reader?.read())?.value ?? null;
    } catch {
      bytes = undefined; // The client broke off.
    }
    // The guest could not go on without it.
    if (exchange) exchange.deadline = performance.now() + RESPONSE_TIMEOUT;
    this.#outbox.post({ type: "piece", id, bytes });
  }

  #fail(id: number, failure: GuestFailure): void {
    const exchange = this.#exchanges.get(id);
    if (!exchange) return;
    this.#events.onFailure(failure.message);
    exchange.answered.reject(failure);
    exchange.response?.end(false);
    this.#forget(id);
  }

  /** Nobody wants the response: the guest is told, in case it still works on it. */
  #forget(id: number): void {
    if (!this.#exchanges.has(id)) return;
    this.#outbox.post({ type: "cancel", id });
    this.#drop(id);
  }

  #drop(id: number): void {
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

  #look(): void {
    if (this.#watchdog.silence >= HANG_TIMEOUT) {
      if (this.#exchanges.size === 0) {
        this.#events.onFailure("the guest computed on after its response");
      }
      return this.#end(responseTimedOut());
    }
    this.#giveUp();
    // Guests that outlived their responses go without a message.
    this.#events.onRoom?.(REQUESTS_PER_THREAD - this.load);
    if (this.load === 0) this.#watchdog.stop();
  }

  /** Ends the requests without a response whose client has gone, or whose time is over. */
  #giveUp(): void {
    const now = performance.now();
    for (const [id, { answered, deadline, isGone, response }] of this.#exchanges) {
      if (response) continue;
      if (isGone()) {
        answered.reject(clientDisconnected());
        this.#forget(id);
      } else if (now > deadline) this.#fail(id, responseTimedOut());
    }
  }

  #end(failure: GuestFailure): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#worker.terminate();
    this.#sockets.close();
    this.#loaded.reject(unloadable(failure.message));
    this.#loaded.promise.catch(() => {}); // Nobody waits for it any more, where it was loaded.
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

function unloadable(message: string): LarderError {
  return new LarderError("LDR_GUEST", `cannot load the component: ${message}`, {
    hint: "it may need more than the embedded engine has: try --engine",
  });
}
