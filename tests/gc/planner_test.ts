import assert from "node:assert/strict";
import type { LeaseContent } from "../../src/store/locks/lease_format.ts";
import {
  leavesNothing,
  mostThatLimitsFree,
  planGc,
  type Surroundings,
} from "../../src/gc/planner.ts";
import type { GcPolicy } from "../../src/gc/policy.ts";
import type { CacheSnapshot } from "../../src/snapshot/types.ts";
import { blob } from "../support/cache/artifacts.ts";
import { DAY, HOUR, TestCache } from "../support/cache/test_cache.ts";
import { type FakeEntry, fakeSnapshot } from "../support/cache/fake_snapshot.ts";
import { takeSnapshot } from "../../src/snapshot/snapshot.ts";
import { Layout } from "../../src/store/layout.ts";
import { asDigest } from "../../src/oci/digest.ts";

const MINUTE = 60_000;
const CONTENTS = { a: 100, b: 100, c: 100, young: 300 };
const OLD: readonly FakeEntry[] = ["a", "b", "c"].map((name, i) => ({
  name: `x.test/app:${name}`,
  used: (40 - i) * DAY,
  needs: [name],
}));
const YOUNG: FakeEntry = { name: "x.test/app:young", used: MINUTE, needs: ["young"] };
const PINNED: FakeEntry = { name: "x.test/app:pinned", pin: {} };
const PUSHED: FakeEntry = { name: "local/app:pushed" };

function removed(
  snapshot: CacheSnapshot,
  policy: GcPolicy,
  surroundings: Partial<Surroundings>,
): string[] {
  const { remove } = planGc(snapshot, policy, { leases: [], ...surroundings });
  return remove.entries.map(({ name }) => name.split(":")[1]!);
}

/** Entries, a policy, and whether it leaves nothing of them. */
const POLICIES: [string, readonly FakeEntry[], GcPolicy, boolean][] = [
  ["an unused of a minute, after a pull", [...OLD, YOUNG], { unused: MINUTE }, true],
  ["an unused of a month after which all are old", [...OLD, YOUNG], { unused: 30 * DAY }, false],
  ["an unused that removes every entry", OLD, { unused: DAY }, true],
  ["an unused that removes all but the pinned", [...OLD, PINNED], { unused: DAY }, true],
  ["an unused that removes all but the pushed", [...OLD, PUSHED], { unused: DAY }, true],
  ["an unused that removes some", OLD, { unused: 39 * DAY }, false],
  ["a size of 20 bytes", OLD, { maxSize: 20 }, true],
  ["a size below that of a pull", [...OLD, YOUNG], { maxSize: 20 }, true],
  ["a size that a pull fills", [...OLD, YOUNG], { maxSize: 300 }, false],
  ["a size that leaves one", OLD, { maxSize: 100 }, false],
  ["a count of 0", OLD, { maxCount: 0 }, true],
  ["a count that a pull fills", [...OLD, YOUNG], { maxCount: 1 }, false],
  ["keep-last", OLD, { unused: DAY, keepLast: 1 }, false],
  ["a type that is disabled", OLD, { types: { app: { disabled: true } } }, false],
  ["no limit", OLD, {}, false],
];

for (const [name, entries, policy, expected] of POLICIES) {
  Deno.test(`leavesNothing is ${expected} for ${name}`, () => {
    const snapshot = fakeSnapshot(entries, CONTENTS);
    // By hand: a collection by itself would not even try the size below that of a pull.
    const plan = planGc(snapshot, policy, { leases: [] });
    assert.equal(leavesNothing(policy, plan), expected);
  });
}

Deno.test("leavesNothing is false for a plan that makes room for another entry", () => {
  const policy = { maxCount: 0 };
  const plan = planGc(fakeSnapshot(OLD, CONTENTS), policy, { leases: [] });
  assert.equal(leavesNothing(policy, plan, { isForPull: true }), false);
});

Deno.test("an automatic gc evicts nothing for a size that one young entry exceeds", () => {
  const snapshot = fakeSnapshot([...OLD, YOUNG], CONTENTS);
  for (const policy of [{ maxSize: 250 }, { types: { app: { maxSize: 250 } } }]) {
    assert.deepEqual(removed(snapshot, policy, {}), ["a", "b", "c"]);
    assert.deepEqual(removed(snapshot, policy, { isAutomatic: true }), []);
  }
  assert.deepEqual(removed(snapshot, { maxSize: 450 }, { isAutomatic: true }), ["a", "b"]);
});

Deno.test("planGc makes room for what is about to be added", () => {
  const snapshot = fakeSnapshot(OLD, { a: 100, b: 100, c: 100 });
  const disk = { size: 10_000, free: 500 };
  const automatic = (needed: number) => ({ isAutomatic: true, needed, disk });
  assert.deepEqual(removed(snapshot, { maxSize: 400 }, automatic(100)), []);
  assert.deepEqual(removed(snapshot, { maxSize: 400 }, automatic(250)), ["a", "b"]);
  assert.deepEqual(removed(snapshot, { maxSize: 400 }, automatic(401)), []);
  assert.deepEqual(removed(snapshot, { minFree: { bytes: 0 } }, automatic(500)), []);
  assert.deepEqual(removed(snapshot, { minFree: { bytes: 0 } }, automatic(650)), ["a", "b"]);
  assert.deepEqual(removed(snapshot, { minFree: { bytes: 100 } }, automatic(500)), ["a"]);
});

Deno.test("mostThatLimitsFree is what a maximum size of 0 removes", async () => {
  using cache = filledWithPartials();
  const snapshot = await takeSnapshot(new Layout(cache.registry), cache.now);
  for (const policy of [{}, { keepLast: 1 }, { unused: 1 }]) {
    const plan = planGc(snapshot, { ...policy, maxSize: 0 }, { leases: [] });
    assert.deepEqual(mostThatLimitsFree(snapshot, policy, { leases: [] }), {
      bytes: plan.bytes,
      entries: plan.remove.entries.length,
    });
  }
});

Deno.test("planGc keeps the downloads of a process, however old", async () => {
  using cache = filledWithPartials();
  const snapshot = await takeSnapshot(new Layout(cache.registry), cache.now);
  const lease: LeaseContent = {
    pid: 1,
    command: "a pull",
    startedAt: new Date(cache.now).toISOString(),
    folders: [],
    digests: [OLD_DOWNLOAD, OLDER_DOWNLOAD].map((each) => asDigest(each.descriptor.digest)!),
  };
  const partials = (leases: LeaseContent[]) =>
    planGc(snapshot, { maxSize: 0 }, { leases }).remove.partials.length;
  assert.deepEqual([partials([]), partials([lease])], [2, 0]);
});

const OLD_DOWNLOAD = blob("an old download");
const OLDER_DOWNLOAD = blob("an older download");

function filledWithPartials(): TestCache {
  const cache = new TestCache();
  cache.package("deb/hello/1/amd64", blob("hello"), { used: 9 * DAY, written: 9 * DAY });
  cache.package("deb/hello/2/amd64", blob("world"), { used: 8 * DAY, written: 9 * DAY });
  cache.package("deb/hello/3/amd64", blob("pinned"), { used: 8 * DAY, pinned: true });
  cache.package("deb/hello/4/amd64", blob("young"), { used: MINUTE });
  cache.blobs([blob("unreferenced")], 2 * DAY);
  cache.write(`partial/${OLD_DOWNLOAD.descriptor.digest}`, "half", 2 * HOUR);
  cache.write(`partial/${OLDER_DOWNLOAD.descriptor.digest}`, "half", 8 * DAY);
  cache.write(`partial/${blob("now").descriptor.digest}`, "half", MINUTE);
  return cache;
}

Deno.test("mostThatLimitsFree is nothing while files cannot be read that may need everything", async () => {
  using cache = filledWithPartials();
  const snapshot = await takeSnapshot(new Layout(cache.registry), cache.now);
  const unknown = { ...snapshot, hasUnknownReferences: true };
  const plan = planGc(unknown, { maxSize: 0 }, { leases: [] });
  assert.deepEqual(plan.remove.entries, []);
  assert.deepEqual(mostThatLimitsFree(unknown, {}, { leases: [] }), {
    bytes: plan.bytes,
    entries: 0,
  });
});
