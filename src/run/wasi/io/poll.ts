import { trap } from "../errors.ts";

/** Milliseconds without a turn of the event loop after which a guest's next wait yields to it. */
const MAX_SLICE = 10;

/**
 * An event that guests wait for. Its promise is awaited once, however many guests wait and however often: a guest
 * may wait a million times for the first of two events while the second never happens.
 */
export class Waitable {
  readonly #isReady: () => boolean;
  readonly #wait: () => Promise<unknown>;
  readonly #waiters = new Set<PromiseWithResolvers<void>>();
  #isAwaited = false;

  /** @param wait resolves when it may be ready, possibly too early; a rejection traps the guests that wait */
  constructor(isReady: () => boolean, wait: () => Promise<unknown>) {
    this.#isReady = isReady;
    this.#wait = wait;
  }

  /** Returns a waitable that is always ready. */
  static ready(): Waitable {
    return new Waitable(() => true, () => Promise.resolve());
  }

  get isReady(): boolean {
    return this.#isReady();
  }

  addWaiter(waiter: PromiseWithResolvers<void>): void {
    this.#waiters.add(waiter);
    if (this.#isAwaited) return;
    this.#isAwaited = true;
    this.#wait().then(
      () => this.#settle((waiter) => waiter.resolve()),
      (error) => this.#settle((waiter) => waiter.reject(error)),
    );
  }

  removeWaiter(waiter: PromiseWithResolvers<void>): void {
    this.#waiters.delete(waiter);
  }

  #settle(settle: (waiter: PromiseWithResolvers<void>) => void): void {
    this.#isAwaited = false;
    this.#waiters.forEach(settle);
  }
}

/** Resolves once one of the waitables is ready. */
export async function untilReady(waitables: readonly Waitable[]): Promise<void> {
  if (performance.now() - sliceStart > MAX_SLICE) await yieldToEventLoop();
  while (!waitables.some((waitable) => waitable.isReady)) {
    const waiter = Promise.withResolvers<void>();
    for (const waitable of waitables) waitable.addWaiter(waiter);
    try {
      await waiter.promise;
    } finally {
      for (const waitable of waitables) waitable.removeWaiter(waiter);
    }
    noteYield();
  }
}

let sliceStart = performance.now();

/** Records that the event loop has just turned. */
export function noteYield(): void {
  sliceStart = performance.now();
}

/**
 * Resolves after a turn of the event loop. Without it a guest that always finds something ready would starve the
 * I/O that it waits for, and every other guest of the thread.
 */
export async function yieldToEventLoop(): Promise<void> {
  yielding++;
  await new Promise((resolve) => setImmediate(resolve));
  yielding--;
  noteYield();
}

let yielding = 0;

/** True if a guest lets the event loop turn and does not wait for anything else. */
export function isYielding(): boolean {
  return yielding > 0;
}

/** `pollable` of `wasi:io/poll`. */
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

/** `poll` of `wasi:io/poll`: resolves to the indexes of the pollables that are ready, once there is one. */
export async function poll(pollables: readonly Pollable[]): Promise<Uint32Array> {
  if (pollables.length === 0) trap("poll was called with an empty list");
  const waitables = pollables.map(Pollable.waitableOf);
  await untilReady(waitables);
  return Uint32Array.from(waitables.flatMap((waitable, index) => waitable.isReady ? [index] : []));
}
