import { interrupted, throwIfAborted } from "../../base/errors.ts";
import type { GuestProgram, PendingProgram } from "../engine/component.ts";
import type { TrapFrame } from "../engine/trap_report.ts";
import { permissionsFor } from "../engine/permissions.ts";
import { GuestSockets } from "../sockets/guest_sockets.ts";
import type { HostSettings } from "../wasi/host.ts";
import { type ClientRequest, Exchanges } from "./exchanges.ts";
import {
  cannotLoad,
  GuestFailure,
  responseTimedOut,
  serverStopping,
  startTimedOut,
} from "./failure.ts";
import { SharedCounters, Watchdog } from "./heartbeat.ts";
import { MessageBatch } from "./message_batch.ts";
import type { FromGuest, ThreadMessage, ToGuest } from "./messages.ts";

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
  readonly #exchanges: Exchanges;
  readonly #loaded = Promise.withResolvers<void>();
  readonly #counters = new SharedCounters();
  readonly #watchdog = new Watchdog(this.#counters, () => this.#check());
  /** As of `--timeout`. */
  readonly #timeout: number | undefined;
  #ended = false;
  #closeState: (() => void) | undefined;

  private constructor(settings: HostSettings, events: GuestEvents) {
    this.#events = events;
    this.#timeout = settings.limits?.timeout;
    this.#sockets = new GuestSockets(settings);
    this.#worker = new Worker(new URL("./guest_worker.ts", import.meta.url), {
      type: "module",
      deno: { permissions: permissionsFor(settings) },
    });
    this.#outbox = new MessageBatch((messages, transfer) => {
      if (!this.#ended) this.#worker.postMessage(messages, transfer);
    });
    this.#worker.onmessage = ({ data }: MessageEvent<FromGuest[]>) => this.#receiveAll(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#end(new GuestFailure(500, event.message));
    };
    this.#exchanges = new Exchanges({
      send: (message, transfer) => this.#outbox.post(message, transfer),
      onFailure: events.onFailure,
      onEnd: () => events.onRoom?.(1),
    }, this.#timeout);
  }

  /**
   * Starts a thread, and loads a component into it once that is compiled.
   * @throws LarderError LDR_GUEST if the component cannot be loaded within {@link HANG_TIMEOUT} milliseconds;
   * LDR_INTERRUPTED; the error of the compilation
   */
  static async start(
    { settings, compiled }: PendingProgram,
    events: GuestEvents,
    signal?: AbortSignal,
  ): Promise<GuestThread> {
    throwIfAborted(signal);
    const guest = new GuestThread(settings, events);
    const onAbort = () => guest.#loaded.reject(interrupted());
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      await Promise.race([compiled, guest.#loaded.promise]);
      await guest.#load({ ...await compiled, settings });
      return guest;
    } catch (error) {
      guest.stop();
      throw error;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  async #load(program: GuestProgram): Promise<void> {
    const timer = setTimeout(() => this.#end(startTimedOut()), HANG_TIMEOUT);
    this.#outbox.post({ type: "load", program, counters: this.#counters.memory });
    await this.#loaded.promise.finally(() => clearTimeout(timer));
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
  handle(request: ClientRequest): Promise<Response | undefined> {
    if (this.#ended) return Promise.resolve(undefined);
    this.#watchdog.watch();
    return this.#exchanges.begin(request);
  }

  /** Ends the thread; its requests fail. */
  stop(): void {
    this.#end(serverStopping());
  }

  #receiveAll(messages: readonly FromGuest[]): void {
    const ofExchanges = messages.filter((message) => "id" in message);
    for (const message of messages) if (!("id" in message)) this.#receive(message);
    this.#exchanges.receive(ofExchanges);
  }

  #receive(message: ThreadMessage): void {
    switch (message.type) {
      case "loaded":
        return this.#loaded.resolve();
      case "unloadable":
        return this.#loaded.reject(cannotLoad(message.message));
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

  #check(): void {
    if (this.#watchdog.silence >= (this.#timeout ?? HANG_TIMEOUT)) {
      if (this.#exchanges.size === 0) {
        this.#events.onFailure("the guest kept computing after its response");
      }
      return this.#end(responseTimedOut());
    }
    this.#exchanges.failAbandoned();
    // Guests that continued after their responses end without a message.
    this.#events.onRoom?.(REQUESTS_PER_THREAD - this.load);
    if (this.load === 0) this.#watchdog.stop();
  }

  #end(failure: GuestFailure): void {
    if (this.#ended) return;
    this.#ended = true;
    // A worker that computes is not terminated (denoland/deno#35657).
    this.#counters.stopGuests();
    this.#worker.terminate();
    this.#sockets.close();
    this.#closeState?.();
    this.#loaded.reject(cannotLoad(failure.message));
    this.#loaded.promise.catch(() => {}); // Settled long ago, unless the thread is still starting.
    this.#watchdog.stop();
    this.#exchanges.endAll(failure, this.#counters.lastBegun);
    this.#events.onRoom?.(REQUESTS_PER_THREAD);
  }
}
