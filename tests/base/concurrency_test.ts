import assert from "node:assert/strict";
import fc from "fast-check";
import { mapLimit, sleep, systemClock } from "../../src/base/concurrency.ts";
import { hasCode, messageOf } from "../../src/base/errors.ts";
import { WatchedAbort } from "../support/listeners.ts";

const isInterrupted = (error: unknown) => hasCode(error, "LDR_INTERRUPTED");

/** Waits until all pending microtasks have run. */
const settle = () => new Promise<void>((resolve) => setTimeout(resolve));

Deno.test("mapLimit returns results in the order of the items, whatever order the work ends in", async () => {
  await fc.assert(fc.asyncProperty(
    fc.scheduler(),
    fc.array(fc.nat()),
    fc.integer({ min: 1, max: 8 }),
    async (scheduler, items, limit) => {
      const results = mapLimit(items, limit, (item) => scheduler.schedule(Promise.resolve(-item)));
      await scheduler.waitFor(results);
      assert.deepEqual(await results, items.map((item) => -item));
    },
  ));
});

Deno.test("mapLimit runs as much work at once as the limit allows, and no more", async () => {
  await fc.assert(fc.asyncProperty(
    fc.scheduler(),
    fc.integer({ min: 1, max: 12 }),
    fc.integer({ min: 1, max: 8 }),
    async (scheduler, count, limit) => {
      let running = 0;
      let most = 0;
      const work = async () => {
        most = Math.max(most, ++running);
        await scheduler.schedule(Promise.resolve());
        running--;
      };
      await scheduler.waitFor(mapLimit(Array.from({ length: count }), limit, work));
      assert.equal(most, Math.min(count, limit));
    },
  ));
});

Deno.test("mapLimit starts the next item while others are finished, up to the limit of each", async () => {
  await fc.assert(fc.asyncProperty(
    fc.scheduler(),
    fc.integer({ min: 1, max: 24 }),
    fc.integer({ min: 1, max: 4 }),
    async (scheduler, count, limit) => {
      const items = Array.from({ length: count }, (_, i) => i);
      let [all, unfinished] = [0, 0];
      const results = mapLimit(items, limit, async (item, _, startNext) => {
        all++;
        unfinished++;
        assert.ok(unfinished <= limit && all <= 2 * limit);
        await scheduler.schedule(Promise.resolve());
        unfinished--;
        startNext();
        startNext();
        await scheduler.schedule(Promise.resolve());
        all--;
        return -item;
      });
      await scheduler.waitFor(results);
      assert.deepEqual(await results, items.map((item) => -item));
    },
  ));
});

Deno.test("mapLimit of no items returns an empty list", async () => {
  assert.deepEqual(await mapLimit([], 4, () => Promise.reject(new Error("called"))), []);
});

Deno.test("mapLimit throws the first failure after all running work has ended, and starts no more", async () => {
  const slow = Promise.withResolvers<void>();
  const begun: string[] = [];
  let wasAborted = false;
  const failures: unknown[] = [];
  const all = mapLimit(["slow", "bad", "never"], 2, async (item, signal) => {
    begun.push(item);
    if (item === "bad") throw new Error("first");
    await slow.promise;
    wasAborted = signal.aborted;
    throw new Error("second");
  }).catch((error) => failures.push(error));
  await settle();
  assert.deepEqual(failures, [], "the failure was thrown before the other work had ended");
  slow.resolve();
  await all;
  assert.deepEqual(failures.map(messageOf), ["first"]);
  assert.deepEqual(begun, ["slow", "bad"]);
  assert.equal(wasAborted, true);
});

Deno.test("mapLimit waits for what startNext started, and a failure stops that too", async () => {
  const slow = Promise.withResolvers<void>();
  const begun: number[] = [];
  let hasEnded = false;
  const all = mapLimit([1, 2, 3], 1, async (item, signal, startNext) => {
    begun.push(item);
    if (item === 1) {
      startNext();
      throw new Error("after its turn");
    }
    await slow.promise;
    assert.equal(signal.aborted, true);
    hasEnded = true;
  });
  await settle();
  slow.resolve();
  await assert.rejects(all, /after its turn/);
  assert.deepEqual(begun, [1, 2]);
  assert.equal(hasEnded, true);
});

Deno.test("mapLimit fails if work throws synchronously or throws undefined", async () => {
  await assert.rejects(
    mapLimit([1], 1, () => {
      throw new Error("at once");
    }),
    /at once/,
  );
  let failed = false;
  await mapLimit([1], 1, () => Promise.reject(undefined)).catch(() => failed = true);
  assert.equal(failed, true);
});

Deno.test("mapLimit passes the caller's abort to running work and starts no more", async () => {
  const stop = new AbortController();
  const begun: number[] = [];
  const all = mapLimit([1, 2, 3], 1, async (item, signal) => {
    begun.push(item);
    stop.abort();
    assert.equal(signal.aborted, true);
    await settle();
  }, stop.signal);
  await assert.rejects(all, isInterrupted);
  assert.deepEqual(begun, [1]);
});

Deno.test("mapLimit starts nothing if the signal is already aborted", async () => {
  const all = mapLimit([1], 1, () => Promise.reject(new Error("called")), AbortSignal.abort());
  await assert.rejects(all, isInterrupted);
});

Deno.test("mapLimit does not abort the caller's signal on a failure", async () => {
  const stop = new AbortController();
  await assert.rejects(mapLimit([1], 1, () => Promise.reject(new Error("x")), stop.signal), /x/);
  assert.equal(stop.signal.aborted, false);
});

Deno.test("sleep resolves and removes its abort listener", async () => {
  const stop = new WatchedAbort();
  await sleep(1, stop.signal);
  await sleep(0);
  assert.equal(stop.listeners, 0);
});

Deno.test("sleep rejects on an abort and clears its timer", async () => {
  const stop = new AbortController();
  const asleep = sleep(1_000_000, stop.signal);
  stop.abort();
  await assert.rejects(asleep, isInterrupted);
});

Deno.test("sleep rejects at once if the signal is already aborted", async () => {
  await assert.rejects(sleep(1_000_000, AbortSignal.abort()), isInterrupted);
});

Deno.test("systemClock returns the time, and a random number in [0, 1)", () => {
  assert.ok(systemClock.now() > Date.UTC(2026, 0));
  const chance = systemClock.random();
  assert.ok(chance >= 0 && chance < 1);
});
