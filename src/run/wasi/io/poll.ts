import { setImmediate } from "node:timers";
import { trap } from "../errors.ts";

/** After so long without a turn of the event loop a guest's next wait gives it one. */
const GUEST_SLICE = 10;

/**
 * Something that guests wait for. However many wait, and however often, its promise is looked at once: a guest
 * may wait a million times for one of two things while the other never comes.
 */
export class Waitable {
  readonly #isReady: () => boolean;
  readonly #wait: () => Promise<unknown>;
  readonly #waiting = new Set<PromiseWithResolvers<void>>();
  #watching = false;

  /** @param wait resolves when it may be ready, and maybe early; a rejection traps the guests that wait */
  constructor(isReady: () => boolean, wait: () => Promise<unknown>) {
    this.#isReady = isReady;
    this.#wait = wait;
  }

  get isReady(): boolean {
    return this.#isReady();
  }

  join(turn: PromiseWithResolvers<void>): void {
    this.#waiting.add(turn);
    if (this.#watching) return;
    this.#watching = true;
    this.#wait().then(
      () => this.#settle((turn) => turn.resolve()),
      (error) => this.#settle((turn) => turn.reject(error)),
    );
  }

  leave(turn: PromiseWithResolvers<void>): void {
    this.#waiting.delete(turn);
  }

  #settle(settle: (turn: PromiseWithResolvers<void>) => void): void {
    this.#watching = false;
    this.#waiting.forEach(settle);
  }
}

/** Resolves once one of them is ready. */
export async function untilReady(waitables: readonly Waitable[]): Promise<void> {
  if (performance.now() - sliceStart > GUEST_SLICE) await yieldToEventLoop();
  while (!waitables.some((waitable) => waitable.isReady)) {
    const turn = Promise.withResolvers<void>();
    for (const waitable of waitables) waitable.join(turn);
    try {
      await turn.promise;
    } finally {
      for (const waitable of waitables) waitable.leave(turn);
    }
    noteYield();
  }
}

let sliceStart = performance.now();

/** Says that the event loop has had a turn. */
export function noteYield(): void {
  sliceStart = performance.now();
}

/**
 * Lets the event loop have a turn. A guest that always finds something ready would otherwise keep out what it
 * waits for in truth, and all other guests of the thread.
 */
export async function yieldToEventLoop(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  noteYield();
}

/** `wasi:io/poll`'s pollable. */
export class Pollable implements Disposable {
  readonly #waitable: Waitable;
  readonly #onDrop: (() => void) | undefined;

  constructor(waitable: Waitable, onDrop?: () => void) {
    this.#waitable = waitable;
    this.#onDrop = onDrop;
  }

  static waitableOf(pollable: Pollable): Waitable {
    return pollable.#waitable;
  }

  ready(): boolean {
    return this.#waitable.isReady;
  }

  block(): Promise<void> {
    return untilReady([this.#waitable]);
  }

  [Symbol.dispose](): void {
    this.#onDrop?.();
  }
}

/** Resolves to the places of those in the list that are ready, once there is one. */
export async function poll(pollables: readonly Pollable[]): Promise<Uint32Array> {
  if (pollables.length === 0) trap("poll was called with an empty list");
  const waitables = pollables.map(Pollable.waitableOf);
  await untilReady(waitables);
  return Uint32Array.from(waitables.flatMap((waitable, place) => waitable.isReady ? [place] : []));
}

/** `wasi:io/poll`. */
export function pollImports(): Record<string, object> {
  return { "wasi:io/poll": { Pollable, poll } };
}
