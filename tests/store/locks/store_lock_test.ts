import assert from "node:assert/strict";
import { join } from "node:path";
import { hasCode } from "../../../src/base/errors.ts";
import { Layout } from "../../../src/store/layout.ts";
import { withExclusiveLock, withSharedLock } from "../../../src/store/locks/store_lock.ts";
import { Gate } from "../../support/gate.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

class Fixture extends TemporaryFolder {
  readonly layout = new Layout(join(this.path, "registry"));
}

/** Lets timers run, including those that poll a lock. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

Deno.test("withSharedLock allows concurrent writers, withExclusiveLock excludes them", async () => {
  using fixture = new Fixture();
  const { layout } = fixture;
  const gates = [new Gate(), new Gate()];
  const writers = gates.map((gate) => withSharedLock(layout, () => gate.pass()));
  await Promise.all(gates.map((gate) => gate.reached));
  const order: string[] = [];
  const waiting = Promise.withResolvers<void>();
  const sweep = withExclusiveLock(layout, (isLocked) => {
    order.push("sweep");
    return Promise.resolve(isLocked);
  }, { waiting: () => waiting.resolve() });
  await waiting.promise;
  gates[0]!.open();
  await writers[0];
  order.push("one writer is left");
  gates[1]!.open();
  assert.equal(await sweep, true);
  assert.deepEqual(order, ["one writer is left", "sweep"]);
});

Deno.test("withExclusiveLock gets its turn while writers overlap without a gap", async () => {
  using fixture = new Fixture();
  const { layout } = fixture;
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

Deno.test("withSharedLock is reentrant while a sweep waits", async () => {
  using fixture = new Fixture();
  const { layout } = fixture;
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
    waiting: () => waiting.resolve(),
  });
  assert.deepEqual(await Promise.all([writer, sweep]), ["inner", "sweep"]);
});

Deno.test("withExclusiveLock does not wait for the lock of another cache", async () => {
  using one = new Fixture();
  using two = new Fixture();
  const waited: string[] = [];
  await withSharedLock(
    one.layout,
    () =>
      withExclusiveLock(two.layout, () => Promise.resolve(), { waiting: () => waited.push("two") }),
  );
  assert.deepEqual(waited, []);
});

Deno.test("withExclusiveLock fails with LDR_BUSY after its timeout, and lets writers in again", async () => {
  using fixture = new Fixture();
  const { layout } = fixture;
  await withSharedLock(layout, async () => {
    const sweep = withExclusiveLock(layout, () => Promise.resolve(), { timeout: 0 });
    await assert.rejects(
      sweep,
      (error) =>
        hasCode(error, "LDR_BUSY") && /other larder processes are writing to/.test(error.message),
    );
  });
  assert.equal(await withSharedLock(layout, () => Promise.resolve("in")), "in");
});

Deno.test("withExclusiveLock fails with LDR_BUSY while another sweep runs", async () => {
  using fixture = new Fixture();
  const { layout } = fixture;
  await withExclusiveLock(layout, async () => {
    const second = withExclusiveLock(layout, () => Promise.resolve(), { timeout: 0 });
    await assert.rejects(
      second,
      (error) =>
        hasCode(error, "LDR_BUSY") &&
        /another larder process has been removing files/.test(error.message),
    );
  });
});

Deno.test("withSharedLock and withExclusiveLock stop waiting on an abort", async () => {
  using fixture = new Fixture();
  const { layout } = fixture;
  for (
    const [holds, waits] of [
      [withSharedLock, withExclusiveLock],
      [withExclusiveLock, withSharedLock],
    ] as const
  ) {
    const gate = new Gate();
    const holding = holds(layout, () => gate.pass());
    await gate.reached;
    const stop = new AbortController();
    const options = { signal: stop.signal, waiting: () => stop.abort() };
    await assert.rejects(
      waits(layout, () => Promise.resolve(), options),
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
  Deno.test(`a ${name} opens its lock file again if that was deleted while it waited`, async () => {
    using fixture = new Fixture();
    const path = fixture.layout[file];
    Deno.mkdirSync(fixture.layout.root);
    const hold = () => {
      const held = Deno.openSync(path, { read: true, write: true, create: true });
      return { held, isOurs: held.tryLockSync(true) };
    };
    const first = hold();
    const waiting = Promise.withResolvers<void>();
    const work = run(fixture.layout, () => {
      using lock = Deno.openSync(fixture.layout.lock, { read: true, write: true, create: true });
      using gate = Deno.openSync(fixture.layout.gate, { read: true, write: true, create: true });
      return Promise.resolve({ lock: lock.tryLockSync(true), gate: gate.tryLockSync(true) });
    }, { waiting: () => waiting.resolve() });
    await waiting.promise;
    Deno.removeSync(path);
    first.held.close();
    assert.equal(first.isOurs, true);
    // A sweep holds both; a writer holds only the lock.
    assert.deepEqual(await work, { lock: false, gate: run === withSharedLock });
  });
}

Deno.test("withExclusiveLock passes false to its work on a file system without locks", async () => {
  using fixture = new Fixture();
  const own = Deno.FsFile.prototype.tryLockSync;
  Deno.FsFile.prototype.tryLockSync = () => {
    throw new Deno.errors.NotSupported("no locks here");
  };
  try {
    const isLocked = await withExclusiveLock(
      fixture.layout,
      (isLocked) => Promise.resolve(isLocked),
    );
    assert.equal(isLocked, false);
  } finally {
    Deno.FsFile.prototype.tryLockSync = own;
  }
});
