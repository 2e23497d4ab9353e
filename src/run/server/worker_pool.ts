import type { GuestProgram } from "../engine/component.ts";
import {
  clientDisconnected,
  type GuestFailure,
  responseTimedOut,
  serverStopping,
} from "./failure.ts";
import {
  type ClientRequest,
  type GuestEvents,
  GuestThread,
  REQUESTS_PER_THREAD,
  RESPONSE_TIMEOUT,
} from "./guest_thread.ts";

/**
 * The threads that run one component. There is one until it is busy when the next request comes, and never more
 * than `size`: a guest that computes for long, or without end, then holds up only its own thread. Requests that
 * no thread has room for wait their turn.
 */
export class GuestPool {
  readonly #program: GuestProgram;
  readonly #size: number;
  readonly #events: GuestEvents;
  readonly #waiting: (() => void)[] = [];
  #guests: GuestThread[] = [];
  #starting: Promise<void> | undefined;
  #isStopped = false;

  private constructor(program: GuestProgram, size: number, events: GuestEvents) {
    this.#program = program;
    this.#size = size;
    this.#events = { ...events, onRoom: (count) => this.#wake(count) };
  }

  /**
   * Starts the first thread.
   * @param signal gives the start up
   * @throws LarderError LDR_GUEST if the component cannot be loaded, LDR_INTERRUPTED
   */
  static async start(
    program: GuestProgram,
    size: number,
    events: GuestEvents,
    signal?: AbortSignal,
  ): Promise<GuestPool> {
    const pool = new GuestPool(program, size, events);
    await pool.#another(signal);
    return pool;
  }

  /**
   * Has the least busy thread answer a request, within {@link RESPONSE_TIMEOUT} milliseconds.
   * @throws GuestFailure; LarderError LDR_GUEST if it needs another thread, and that cannot be started
   */
  async handle(asked: Omit<ClientRequest, "deadline">): Promise<Response> {
    const deadline = performance.now() + RESPONSE_TIMEOUT;
    const request = { ...asked, deadline };
    for (let isNew = true;; isNew = false) {
      if (this.#isStopped) throw serverStopping();
      if (!isNew && request.isGone()) throw clientDisconnected();
      if (!isNew && performance.now() >= deadline) throw this.#late();
      this.#guests = this.#guests.filter((guest) => !guest.isEnded);
      const guest = leastBusy(this.#guests);
      const isFull = this.#guests.length >= this.#size;
      if (!guest || (guest.isBlocked && !isFull)) {
        await this.#another();
        continue;
      }
      // The thread that is being started serves the requests after this one.
      if (isNew && guest.load > 0 && !isFull) this.#another().catch(() => {});
      if (guest.load < REQUESTS_PER_THREAD) {
        const response = await guest.handle(request);
        if (response) return response;
      } else await this.#room(deadline);
    }
  }

  stop(): void {
    this.#isStopped = true;
    for (const guest of this.#guests) guest.stop();
  }

  /** Resolves when a thread may have room for another request, or the deadline has come. */
  async #room(deadline: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    const giveUp = () => {
      this.#waiting.splice(this.#waiting.indexOf(resolve), 1);
      resolve();
    };
    const timer = setTimeout(giveUp, Math.max(0, Math.ceil(deadline - performance.now())));
    await promise.finally(() => clearTimeout(timer));
  }

  #wake(count: number): void {
    for (let left = count; left > 0 && this.#waiting.length > 0; left--) this.#waiting.shift()!();
  }

  #late(): GuestFailure {
    const failure = responseTimedOut();
    this.#events.onFailure(failure.message);
    return failure;
  }

  #another(signal?: AbortSignal): Promise<void> {
    return this.#starting ??= this.#start(signal).finally(() => {
      this.#starting = undefined;
      // The new thread has room for many; where there is none, they find out themselves.
      this.#wake(Infinity);
    });
  }

  async #start(signal: AbortSignal | undefined): Promise<void> {
    const guest = await GuestThread.start(this.#program, this.#events, signal);
    if (this.#isStopped) guest.stop();
    else this.#guests.push(guest);
  }
}

function leastBusy(guests: readonly GuestThread[]): GuestThread | undefined {
  const cost = (guest: GuestThread) => guest.load + (guest.isBlocked ? REQUESTS_PER_THREAD : 0);
  return guests.toSorted((a, b) => cost(a) - cost(b))[0];
}
