import assert from "node:assert/strict";
import { clockImports, monotonicNow, pollableAt } from "../../../src/run/wasi/clocks.ts";
import { poll, type Pollable } from "../../../src/run/wasi/io/poll.ts";
import { InstanceResources } from "../../../src/run/wasi/resources.ts";

const HOUR = 3_600_000_000_000n;

interface MonotonicClock {
  now(): bigint;
  subscribeInstant(instant: bigint): Pollable;
  subscribeDuration(duration: bigint): Pollable;
}

interface WallClock {
  now(): { seconds: bigint; nanoseconds: number };
}

Deno.test("monotonic-clock never goes backwards", () => {
  using resources = new InstanceResources();
  const clock = clockImports(resources)["wasi:clocks/monotonic-clock"] as MonotonicClock;
  let last = clock.now();
  for (let i = 0; i < 1000; i++) {
    const now = clock.now();
    assert(now >= last);
    last = now;
  }
});

Deno.test("wall-clock returns seconds and nanoseconds of the system time", () => {
  using resources = new InstanceResources();
  const clock = clockImports(resources)["wasi:clocks/wall-clock"] as WallClock;
  const before = Date.now();
  const { seconds, nanoseconds } = clock.now();
  const milliseconds = Number(seconds) * 1000 + nanoseconds / 1e6;
  assert(milliseconds >= before && milliseconds <= Date.now());
  assert(Number.isInteger(nanoseconds) && nanoseconds < 1e9);
});

Deno.test("subscribe-instant and subscribe-duration are ready for a time that has passed", () => {
  using resources = new InstanceResources();
  const clock = clockImports(resources)["wasi:clocks/monotonic-clock"] as MonotonicClock;
  assert.equal(clock.subscribeInstant(0n).ready(), true);
  assert.equal(clock.subscribeDuration(0n).ready(), true);
  assert.equal(clock.subscribeInstant(2n ** 64n - 1n).ready(), false);
});

Deno.test("pollableAt does not resolve before its instant", async () => {
  using resources = new InstanceResources();
  const instant = monotonicNow() + 2_000_000n;
  await pollableAt(instant, resources).block();
  assert(monotonicNow() >= instant);
});

Deno.test("poll resolves at the earliest of several instants", async () => {
  using resources = new InstanceResources();
  const now = monotonicNow();
  const pollables = [HOUR, 1_000_000n, 2n ** 63n].map((after) =>
    pollableAt(now + after, resources)
  );
  assert.deepEqual(await poll(pollables), Uint32Array.of(1));
});

for (const turns of [0, 1, 5]) {
  Deno.test(`pollableAt rejects when the instance ends, ${turns} turns into the wait`, async () => {
    const resources = new InstanceResources();
    const pollable = pollableAt(monotonicNow() + HOUR, resources);
    const blocked = assert.rejects(pollable.block(), /the instance has ended/);
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
    resources[Symbol.dispose]();
    await blocked;
    await assert.rejects(pollable.block(), /the instance has ended/);
  });
}

// The test runner reports timers that are left.
Deno.test("pollableAt leaves no timer after its pollable is dropped", async () => {
  using resources = new InstanceResources();
  const [long, short] = [HOUR, 1_000_000n].map((after) =>
    pollableAt(monotonicNow() + after, resources)
  );
  await poll([long!, short!]);
  long![Symbol.dispose]();
  short![Symbol.dispose]();
});
