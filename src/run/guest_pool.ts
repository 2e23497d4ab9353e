import { GUESTS_PER_THREAD } from "../base/defaults.ts";
import { Guest, type GuestEvents } from "./guest.ts";
import type { GuestProgram } from "./guest_messages.ts";
import type { RequestHead } from "./wasi/http_incoming.ts";

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
  #guests: Guest[] = [];
  #starting: Promise<Guest> | undefined;

  private constructor(program: GuestProgram, size: number, events: GuestEvents) {
    this.#program = program;
    this.#size = size;
    this.#events = { ...events, onDone: () => this.#waiting.shift()?.() };
  }

  /**
   * Starts the first thread.
   * @throws LarderError LDR_GUEST if the component cannot be loaded
   */
  static async start(
    program: GuestProgram,
    size: number,
    events: GuestEvents,
  ): Promise<GuestPool> {
    const pool = new GuestPool(program, size, events);
    await pool.#another();
    return pool;
  }

  /**
   * Has the least busy thread answer a request.
   * @throws GuestFailure
   */
  async handle(head: RequestHead, body: ReadableStream<Uint8Array> | null): Promise<Response> {
    for (;;) {
      this.#guests = this.#guests.filter((guest) => !guest.isEnded);
      const guest = leastBusy(this.#guests);
      const isFull = this.#guests.length >= this.#size;
      if (!guest || (guest.isHeldUp && !isFull)) {
        await this.#another();
        continue;
      }
      // The thread that is being started serves the requests after this one.
      if (guest.load > 0 && !isFull) this.#another().catch(() => {});
      if (guest.load < GUESTS_PER_THREAD) return await guest.handle(head, body);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  stop(): void {
    for (const guest of this.#guests) guest.stop();
  }

  #another(): Promise<Guest> {
    return this.#starting ??= Guest.start(this.#program, this.#events).then((guest) => {
      this.#guests.push(guest);
      return guest;
    }).finally(() => this.#starting = undefined);
  }
}

function leastBusy(guests: readonly Guest[]): Guest | undefined {
  const cost = (guest: Guest) => guest.load + (guest.isHeldUp ? GUESTS_PER_THREAD : 0);
  return guests.toSorted((a, b) => cost(a) - cost(b))[0];
}
