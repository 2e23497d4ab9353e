import assert from "node:assert/strict";
import { noteYield, poll, Pollable, Waitable } from "../../../../src/run/wasi/io/poll.ts";

/** A waitable that the test makes ready; `wake` wakes the waiting guests whether or not it is. */
class ManualEvent {
  isReady = false;
  waits = 0;
  #woken = Promise.withResolvers<void>();
  readonly waitable: Waitable = new Waitable(() => this.isReady, () => {
    this.waits++;
    return this.#woken.promise;
  });

  /** The first wait starts at once, however long ago the last turn of the event loop was. */
  constructor() {
    noteYield();
  }

  pollable(): Pollable {
    return new Pollable(this.waitable);
  }

  wake(): void {
    this.#woken.resolve();
    this.#woken = Promise.withResolvers();
  }

  makeReady(): void {
    this.isReady = true;
    this.wake();
  }

  fail(error: Error): void {
    this.#woken.reject(error);
  }
}

Deno.test("poll returns the indexes of all ready pollables", async () => {
  const events = [new ManualEvent(), new ManualEvent(), new ManualEvent()];
  const polled = poll(events.map((event) => event.pollable()));
  events[2]!.isReady = true;
  events[1]!.makeReady();
  assert.deepEqual(await polled, Uint32Array.of(1, 2));
});

Deno.test("poll returns every index of a pollable that is listed twice", async () => {
  const event = new ManualEvent();
  event.makeReady();
  const pollable = event.pollable();
  assert.deepEqual(await poll([pollable, pollable]), Uint32Array.of(0, 1));
});

Deno.test("poll traps for an empty list", async () => {
  await assert.rejects(poll([]), WebAssembly.RuntimeError);
});

Deno.test("block keeps waiting after an early wake-up", async () => {
  const event = new ManualEvent();
  let isDone = false;
  const blocked = event.pollable().block().then(() => isDone = true);
  for (let i = 0; i < 3; i++) {
    event.wake();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  assert.deepEqual([isDone, event.waits], [false, 4]);
  event.makeReady();
  await blocked;
});

Deno.test("poll awaits the promise of a waitable once, however often it is polled", async () => {
  const [never, always] = [new ManualEvent(), new ManualEvent()];
  for (let i = 0; i < 100; i++) {
    always.isReady = false;
    const polled = poll([never.pollable(), always.pollable()]);
    await Promise.resolve();
    always.makeReady();
    assert.deepEqual(await polled, Uint32Array.of(1));
  }
  assert.equal(never.waits, 1);
});

Deno.test("block rejects when the wait fails", async () => {
  const event = new ManualEvent();
  const blocked = event.pollable().block();
  await Promise.resolve();
  event.fail(new Error("over"));
  await assert.rejects(blocked, /over/);
});

Deno.test("block yields to the event loop even if the pollable is always ready", async () => {
  const event = new ManualEvent();
  event.makeReady();
  let hasTurned = false;
  const timer = setTimeout(() => hasTurned = true, 0);
  // The loop ends only if the timer fires.
  while (!hasTurned) await event.pollable().block();
  clearTimeout(timer);
});

Deno.test("Pollable calls onDrop when it is dropped", () => {
  let drops = 0;
  const pollable = new Pollable(new ManualEvent().waitable, () => drops++);
  pollable[Symbol.dispose]();
  assert.equal(drops, 1);
});
