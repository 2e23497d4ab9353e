import assert from "node:assert/strict";
import { noteYield, poll, Pollable, Waitable } from "../../../../src/run/wasi/io/poll.ts";

/** Something that becomes ready by hand; `wake` wakes those who wait, ready or not. */
class Door {
  isOpen = false;
  waits = 0;
  #turn = Promise.withResolvers<void>();
  readonly waitable: Waitable = new Waitable(() => this.isOpen, () => {
    this.waits++;
    return this.#turn.promise;
  });

  /** The first wait begins at once, however long ago the event loop had its last turn. */
  constructor() {
    noteYield();
  }

  pollable(): Pollable {
    return new Pollable(this.waitable);
  }

  wake(): void {
    this.#turn.resolve();
    this.#turn = Promise.withResolvers();
  }

  open(): void {
    this.isOpen = true;
    this.wake();
  }

  fail(error: Error): void {
    this.#turn.reject(error);
  }
}

Deno.test("poll tells the places of all that are ready", async () => {
  const doors = [new Door(), new Door(), new Door()];
  const polled = poll(doors.map((door) => door.pollable()));
  doors[2]!.isOpen = true;
  doors[1]!.open();
  assert.deepEqual(await polled, Uint32Array.of(1, 2));
});

Deno.test("poll tells the same one at each of its places", async () => {
  const door = new Door();
  door.open();
  const pollable = door.pollable();
  assert.deepEqual(await poll([pollable, pollable]), Uint32Array.of(0, 1));
});

Deno.test("poll of nothing traps", async () => {
  await assert.rejects(poll([]), WebAssembly.RuntimeError);
});

Deno.test("who is woken too early waits on", async () => {
  const door = new Door();
  let isOver = false;
  const blocked = door.pollable().block().then(() => isOver = true);
  for (let i = 0; i < 3; i++) {
    door.wake();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  assert.deepEqual([isOver, door.waits], [false, 4]);
  door.open();
  await blocked;
});

Deno.test("what never comes is waited for once, however often it is polled", async () => {
  const [never, always] = [new Door(), new Door()];
  for (let i = 0; i < 100; i++) {
    always.isOpen = false;
    const polled = poll([never.pollable(), always.pollable()]);
    await Promise.resolve();
    always.open();
    assert.deepEqual(await polled, Uint32Array.of(1));
  }
  assert.equal(never.waits, 1);
});

Deno.test("a wait that fails ends the guest", async () => {
  const door = new Door();
  const blocked = door.pollable().block();
  await Promise.resolve();
  door.fail(new Error("over"));
  await assert.rejects(blocked, /over/);
});

Deno.test("a guest that always finds something ready lets the event loop turn", async () => {
  const door = new Door();
  door.open();
  let hasTurned = false;
  const timer = setTimeout(() => hasTurned = true, 0);
  // Ends only if the timer gets its turn.
  while (!hasTurned) await door.pollable().block();
  clearTimeout(timer);
});

Deno.test("a pollable that is dropped says so", () => {
  let drops = 0;
  const pollable = new Pollable(new Door().waitable, () => drops++);
  pollable[Symbol.dispose]();
  assert.equal(drops, 1);
});
