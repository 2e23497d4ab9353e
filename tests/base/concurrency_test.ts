import assert from "node:assert/strict";
import fc from "fast-check";
import { mapLimit, sleep, systemClock } from "../../src/base/concurrency.ts";
import { hasCode, messageOf } from "../../src/base/errors.ts";
import { WatchedAbort } from "../support/listeners.ts";

const isInterrupted = (error: unknown) => hasCode(error, "LDR_INTERRUPTED");

/** Lets everything that can run do so. */
const settle = () => new Promise<void>((resolve) => setTimeout(resolve));

Deno.test("results stand in the items' order, whatever the order in which the work ends", async () => {
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

Deno.test("no more than the limit runs at once, and the limit is used", async () => {
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

Deno.test("nothing to do gives nothing, even where the signal is raised", async () => {
  assert.deepEqual(await mapLimit([], 4, () => Promise.reject(new Error("called"))), []);
});

Deno.test("the first failure is thrown once all that had begun has ended, and nothing new begins", async () => {
  const slow = Promise.withResolvers<void>();
  const begun: string[] = [];
  let told = false;
  const failures: unknown[] = [];
  const all = mapLimit(["slow", "bad", "never"], 2, async (item, signal) => {
    begun.push(item);
    if (item === "bad") throw new Error("first");
    await slow.promise;
    told = signal.aborted;
    throw new Error("second");
  }).catch((error) => failures.push(error));
  await settle();
  assert.deepEqual(failures, [], "the failure came before the other work had ended");
  slow.resolve();
  await all;
  assert.deepEqual(failures.map(messageOf), ["first"]);
  assert.deepEqual(begun, ["slow", "bad"]);
  assert.equal(told, true);
});

Deno.test("work that throws before its first await, or throws undefined, fails all the same", async () => {
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

Deno.test("the caller's signal is seen by the work and stops what has not begun", async () => {
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

Deno.test("a signal raised beforehand lets nothing begin", async () => {
  const all = mapLimit([1], 1, () => Promise.reject(new Error("called")), AbortSignal.abort());
  await assert.rejects(all, isInterrupted);
});

Deno.test("a failure does not raise the caller's signal", async () => {
  const stop = new AbortController();
  await assert.rejects(mapLimit([1], 1, () => Promise.reject(new Error("x")), stop.signal), /x/);
  assert.equal(stop.signal.aborted, false);
});

Deno.test("sleep ends, and leaves no listener behind", async () => {
  const stop = new WatchedAbort();
  await sleep(1, stop.signal);
  await sleep(0);
  assert.equal(stop.listeners, 0);
});

Deno.test("sleep is interrupted and leaves no timer behind", async () => {
  const stop = new AbortController();
  const asleep = sleep(1_000_000, stop.signal);
  stop.abort();
  await assert.rejects(asleep, isInterrupted);
});

Deno.test("sleep does not begin once the signal is raised", async () => {
  await assert.rejects(sleep(1_000_000, AbortSignal.abort()), isInterrupted);
});

Deno.test("the system's clock tells the time and chance in their ranges", () => {
  assert.ok(systemClock.now() > Date.UTC(2026, 0));
  const chance = systemClock.random();
  assert.ok(chance >= 0 && chance < 1);
});
