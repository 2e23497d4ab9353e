import assert from "node:assert/strict";
import { join } from "node:path";
import { hasCode } from "../../../src/base/errors.ts";
import { Layout } from "../../../src/store/layout.ts";
import { withExclusiveLock, withSharedLock } from "../../../src/store/locks/store_lock.ts";
import { Gate } from "../../support/gate.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

class Bench extends TemporaryFolder {
  readonly layout = new Layout(join(this.path, "registry"));
}

/** Lets timers run, and so whoever looks at a lock again and again. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

Deno.test("writers work side by side, and a sweep alone", async () => {
  using bench = new Bench();
  const { layout } = bench;
  const gates = [new Gate(), new Gate()];
  const writers = gates.map((gate) => withSharedLock(layout, () => gate.pass()));
  await Promise.all(gates.map((gate) => gate.reached));
  const order: string[] = [];
  const waiting = Promise.withResolvers<void>();
  const sweep = withExclusiveLock(layout, (isLocked) => {
    order.push("sweep");
    return Promise.resolve(isLocked);
  }, { waiting: waiting.resolve });
  await waiting.promise;
  gates[0]!.open();
  await writers[0];
  order.push("one writer is left");
  gates[1]!.open();
  assert.equal(await sweep, true);
  assert.deepEqual(order, ["one writer is left", "sweep"]);
});

Deno.test("a sweep comes in although writers never end all at once", async () => {
  using bench = new Bench();
  const { layout } = bench;
  await withExclusiveLock(layout, () => Promise.resolve());
  let swept = false;
  const start = () => {
    const gate = new Gate();
    return { gate, done: withSharedLock(layout, () => gate.pass()) };
  };
  // Each writer begins before the one before it has ended.
  const relay = async (): Promise<void> => {
    let current = start();
    while (!swept) {
      const next = start();
      await turn();
      current.gate.open();
      await current.done;
      current = next;
    }
    current.gate.open();
    await current.done;
  };
  const relaying = relay();
  await withExclusiveLock(layout, () => {
    swept = true;
    return Promise.resolve();
  }, { timeout: 20_000 });
  await relaying;
});

Deno.test("who has the lock already is not kept out by a sweep that waits for it", async () => {
  using bench = new Bench();
  const { layout } = bench;
  await withExclusiveLock(layout, () => Promise.resolve());
  const waiting = Promise.withResolvers<void>();
  const began = Promise.withResolvers<void>();
  const writer = withSharedLock(layout, async () => {
    began.resolve();
    await waiting.promise;
    return await withSharedLock(layout, () => Promise.resolve("inner"));
  });
  await began.promise;
  const sweep = withExclusiveLock(layout, () => Promise.resolve("sweep"), {
    waiting: waiting.resolve,
  });
  assert.deepEqual(await Promise.all([writer, sweep]), ["inner", "sweep"]);
});

Deno.test("the lock of one cache is none of another's", async () => {
  using one = new Bench();
  using two = new Bench();
  const waited: string[] = [];
  await withSharedLock(
    one.layout,
    () =>
      withExclusiveLock(two.layout, () => Promise.resolve(), { waiting: () => waited.push("two") }),
  );
  assert.deepEqual(waited, []);
});

Deno.test("a sweep that waits too long says for whom, and lets writers in again", async () => {
  using bench = new Bench();
  const { layout } = bench;
  await withSharedLock(layout, async () => {
    const sweep = withExclusiveLock(layout, () => Promise.resolve(), { timeout: 0 });
    await assert.rejects(
      sweep,
      (error) => hasCode(error, "LDR_BUSY") && /others are writing to/.test(error.message),
    );
  });
  assert.equal(await withSharedLock(layout, () => Promise.resolve("in")), "in");
});

Deno.test("a sweep that waits for another one says so", async () => {
  using bench = new Bench();
  const { layout } = bench;
  await withExclusiveLock(layout, async () => {
    const second = withExclusiveLock(layout, () => Promise.resolve(), { timeout: 0 });
    await assert.rejects(
      second,
      (error) =>
        hasCode(error, "LDR_BUSY") && /another larder has been cleaning/.test(error.message),
    );
  });
});

Deno.test("waiting can be interrupted on either side", async () => {
  using bench = new Bench();
  const { layout } = bench;
  for (
    const [holder, waiter] of [
      [withSharedLock, withExclusiveLock],
      [withExclusiveLock, withSharedLock],
    ] as const
  ) {
    const gate = new Gate();
    const holding = holder(layout, () => gate.pass());
    await gate.reached;
    const stop = new AbortController();
    const options = { signal: stop.signal, waiting: () => stop.abort() };
    await assert.rejects(
      waiter(layout, () => Promise.resolve(), options),
      (error) => hasCode(error, "LDR_INTERRUPTED"),
    );
    gate.open();
    await holding;
  }
});

for (
  const [name, file, run] of [
    ["writer", "lock", withSharedLock],
    ["sweep", "lock", withExclusiveLock],
    ["sweep at the gate", "gate", withExclusiveLock],
  ] as const
) {
  Deno.test(`a ${name} does not take the lock of a file that was deleted meanwhile`, async () => {
    using bench = new Bench();
    const path = bench.layout[file];
    Deno.mkdirSync(bench.layout.root);
    const hold = () => {
      const held = Deno.openSync(path, { read: true, write: true, create: true });
      return { held, isOurs: held.tryLockSync(true) };
    };
    const first = hold();
    const waiting = Promise.withResolvers<void>();
    const work = run(bench.layout, () => {
      using lock = Deno.openSync(bench.layout.lock, { read: true, write: true, create: true });
      using gate = Deno.openSync(bench.layout.gate, { read: true, write: true, create: true });
      return Promise.resolve({ lock: lock.tryLockSync(true), gate: gate.tryLockSync(true) });
    }, { waiting: waiting.resolve });
    await waiting.promise;
    Deno.removeSync(path);
    first.held.close();
    assert.equal(first.isOurs, true);
    // A sweep has both; a writer lets others through the gate.
    assert.deepEqual(await work, { lock: false, gate: run === withSharedLock });
  });
}

Deno.test("where the file system has no locks, a sweep is told so", async () => {
  using bench = new Bench();
  const own = Deno.FsFile.prototype.tryLockSync;
  Deno.FsFile.prototype.tryLockSync = () => {
    throw new Deno.errors.NotSupported("no locks here");
  };
  try {
    const told = await withExclusiveLock(bench.layout, (isLocked) => Promise.resolve(isLocked));
    assert.equal(told, false);
  } finally {
    Deno.FsFile.prototype.tryLockSync = own;
  }
});
