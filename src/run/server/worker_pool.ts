import type { PendingProgram } from "../engine/component.ts";
import {
  clientDisconnected,
  type GuestFailure,
  responseTimedOut,
  serverStopping,
} from "./failure.ts";
import { type ClientRequest, RESPONSE_TIMEOUT } from "./exchanges.ts";
import { type GuestEvents, GuestThread, REQUESTS_PER_THREAD } from "./guest_thread.ts";

/** Milliseconds without a request after which all threads end, which gives their memory back. */
export const IDLE_TIMEOUT = 12_000;

/** Milliseconds for threads to end, whose memory V8 keeps until it collects garbage. */
const GARBAGE_DELAY = 1000;

/**
 * The threads that run one component. Another one is started if all are busy when a request arrives, up to `size`
 * threads; a guest that computes for long blocks only its own thread. Requests wait if no thread has room.
 */
export class GuestPool {
  readonly #program: PendingProgram;
  readonly #size: number;
  readonly #events: GuestEvents;
  readonly #waiting: (() => void)[] = [];
  #guests: GuestThread[] = [];
  /** Resolves when the thread that is being started is ready. */
  #starting: Promise<void> | undefined;
  #isStopped = false;
  #idleTimer: ReturnType<typeof setTimeout> | undefined;
  #garbageTimer: ReturnType<typeof setTimeout> | undefined;
  /** True if a request has arrived since the idle timer started. */
  #isUsed = false;

  private constructor(program: PendingProgram, size: number, events: GuestEvents) {
    this.#program = program;
    this.#size = size;
    this.#events = { ...events, onRoom: (count) => this.#wake(count) };
  }

  /**
   * Starts a pool with one thread, which starts while the component is compiled: the first response of an app of four
   * small components takes 168 ms instead of 195, that of a component of 12 MiB 229 instead of 236.
   * @param signal interrupts the start
   * @throws LarderError LDR_GUEST if the component cannot be loaded, LDR_INTERRUPTED; the error of the compilation
   */
  static async start(
    program: PendingProgram,
    size: number,
    events: GuestEvents,
    signal?: AbortSignal,
  ): Promise<GuestPool> {
    const pool = new GuestPool(program, size, events);
    await pool.#startThread(signal);
    return pool;
  }

  /**
   * Passes a request to the least busy thread.
   * @throws GuestFailure, also if the response does not begin within {@link RESPONSE_TIMEOUT} milliseconds;
   * LarderError LDR_GUEST if another thread is needed and cannot be started
   */
  async handle(clientRequest: Omit<ClientRequest, "deadline">): Promise<Response> {
    const { timeout = RESPONSE_TIMEOUT } = this.#program.settings.limits ?? {};
    const deadline = performance.now() + timeout;
    const request = { ...clientRequest, deadline };
    this.#isUsed = true;
    for (let isNew = true;; isNew = false) {
      if (this.#isStopped) throw serverStopping();
      if (!isNew && request.isGone()) throw clientDisconnected();
      if (!isNew && performance.now() >= deadline) throw this.#timedOut();
      this.#guests = this.#guests.filter((guest) => !guest.isEnded);
      const guest = leastBusy(this.#guests);
      const isFull = this.#guests.length >= this.#size;
      if (!guest || (guest.isBlocked && !isFull)) {
        await this.#startThread();
        continue;
      }
      // For the requests after this one.
      if (isNew && guest.load > 0 && !isFull) this.#startThread().catch(() => {});
      if (guest.load < REQUESTS_PER_THREAD) {
        const response = await guest.handle(request);
        if (response) return response;
      } else await this.#waitForRoom(deadline);
    }
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#idleTimer);
    clearTimeout(this.#garbageTimer);
    for (const guest of this.#guests) guest.stop();
  }

  /** Resolves when a thread may have room for another request, or at the deadline. */
  async #waitForRoom(deadline: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    const stopWaiting = () => {
      this.#waiting.splice(this.#waiting.indexOf(resolve), 1);
      resolve();
    };
    const timer = setTimeout(stopWaiting, Math.max(0, Math.ceil(deadline - performance.now())));
    await promise.finally(() => clearTimeout(timer));
  }

  #wake(count: number): void {
    for (let left = count; left > 0 && this.#waiting.length > 0; left--) this.#waiting.shift()!();
  }

  #timedOut(): GuestFailure {
    const failure = responseTimedOut();
    this.#events.onFailure(failure.message);
    return failure;
  }

  #startThread(signal?: AbortSignal): Promise<void> {
    return this.#starting ??= this.#addThread(signal).finally(() => {
      this.#starting = undefined;
      // All check again: the new thread has room for many, or could not be started.
      this.#wake(Infinity);
    });
  }

  async #addThread(signal: AbortSignal | undefined): Promise<void> {
    const guest = await GuestThread.start(this.#program, this.#events, signal);
    if (this.#isStopped) return guest.stop();
    this.#guests.push(guest);
    this.#idleTimer ??= setTimeout(() => this.#endIdle(), IDLE_TIMEOUT);
  }

  /** Ends all threads if there was no request for a while; the next request starts one again. */
  #endIdle(): void {
    this.#idleTimer = undefined;
    if (this.#isUsed || this.#guests.some((guest) => guest.load > 0)) {
      this.#isUsed = false;
      this.#idleTimer = setTimeout(() => this.#endIdle(), IDLE_TIMEOUT);
      return;
    }
    for (const guest of this.#guests) guest.stop();
    this.#guests = [];
    this.#garbageTimer = setTimeout(collectGarbage, GARBAGE_DELAY);
  }
}

/** V8's function, which the flag --expose-gc of the binary adds. */
type CollectGarbage = (options: { readonly type: "major"; readonly flavor: "last-resort" }) => void;

/**
 * Gives memory back after load, 27 MiB for a component of 12 MB: V8 itself collects garbage only when memory is asked
 * for, which an idle process does not.
 */
function collectGarbage(): void {
  const { gc } = globalThis as { gc?: CollectGarbage };
  gc?.({ type: "major", flavor: "last-resort" });
}

function leastBusy(guests: readonly GuestThread[]): GuestThread | undefined {
  const cost = (guest: GuestThread) => guest.load + (guest.isBlocked ? REQUESTS_PER_THREAD : 0);
  return guests.toSorted((a, b) => cost(a) - cost(b))[0];
}
