import assert from "node:assert/strict";
import { hasCode, interrupted } from "../../src/base/errors.ts";
import { SingleFlight } from "../../src/base/single_flight.ts";
import { WatchedAbort } from "../support/listeners.ts";

const isInterrupted = (error: unknown) => hasCode(error, "LDR_INTERRUPTED");

Deno.test("SingleFlight.run shares the work among callers of one key only", async () => {
  const flights = new SingleFlight<string>();
  const gate = Promise.withResolvers<void>();
  const begun: string[] = [];
  const work = (key: string) => async () => {
    begun.push(key);
    await gate.promise;
    return `${key} ${begun.length}`;
  };
  const all = Promise.all(["a", "b", "a", "a"].map((key) => flights.run(key, work(key))));
  gate.resolve();
  assert.deepEqual(await all, ["a 2", "b 2", "a 2", "a 2"]);
  assert.deepEqual(begun, ["a", "b"]);
});

Deno.test("SingleFlight.run rejects every caller on a failure, and the next call starts again", async () => {
  const flights = new SingleFlight<string>();
  const fail = () => Promise.reject(new Error("failed"));
  const [a, b] = [flights.run("k", fail), flights.run("k", () => Promise.resolve("unused"))];
  await assert.rejects(a, /failed/);
  await assert.rejects(b, /failed/);
  assert.equal(await flights.run("k", () => Promise.resolve("good")), "good");
});

Deno.test("SingleFlight.run aborts the work after its last caller, and no later call joins it", async () => {
  const flights = new SingleFlight<string>();
  const aborted: boolean[] = [];
  const work = (signal: AbortSignal) =>
    new Promise<string>((_, reject) => {
      signal.addEventListener("abort", () => {
        aborted.push(true);
        reject(interrupted());
      });
    });
  const stops = [new AbortController(), new AbortController()];
  const calls = stops.map(({ signal }) => flights.run("k", work, signal));
  stops[0]!.abort();
  await assert.rejects(calls[0]!, isInterrupted);
  assert.deepEqual(aborted, []);
  stops[1]!.abort();
  await assert.rejects(calls[1]!, isInterrupted);
  assert.deepEqual(aborted, [true]);
  assert.equal(await flights.run("k", () => Promise.resolve("fresh")), "fresh");
});

Deno.test("SingleFlight.run starts nothing if the signal is already aborted", async () => {
  const flights = new SingleFlight<string>();
  const call = flights.run("k", () => assert.fail("it was started"), AbortSignal.abort());
  await assert.rejects(call, isInterrupted);
});

Deno.test("SingleFlight.run removes its listener from the caller's signal", async () => {
  const watched = new WatchedAbort();
  await new SingleFlight<number>().run("k", () => Promise.resolve(1), watched.signal);
  await Promise.resolve();
  assert.equal(watched.listeners, 0);
});
