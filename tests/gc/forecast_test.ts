import assert from "node:assert/strict";
import type { Disk } from "../../src/base/disk.ts";
import { planGc } from "../../src/gc/planner.ts";
import type { GcPolicy, LimitScope, ScopeLimits } from "../../src/gc/policy.ts";
import { type EntryForecast, EvictionForecast } from "../../src/gc/forecast.ts";
import { takeSnapshot } from "../../src/snapshot/snapshot.ts";
import type { CacheSnapshot } from "../../src/snapshot/types.ts";
import { Layout } from "../../src/store/layout.ts";
import { blob, image, randomBytes } from "../support/cache/artifacts.ts";
import { CacheFolder, DAY, HOUR } from "../support/cache/cache_folder.ts";

/** Apps that were used five, four, three … days ago, and one that is pinned and one that is young. */
function filled(): CacheFolder {
  const cache = new CacheFolder();
  for (const days of [5, 4, 3, 2]) {
    const app = image([blob(randomBytes(days * 1000, `${days}`))]);
    cache.pulled(`ghcr.io/acme/app:d${days}`, app, { used: days * DAY });
  }
  cache.pulled("ghcr.io/acme/app:pinned", image(["p"]), { used: 9 * DAY, pinned: true });
  cache.pulled("ghcr.io/acme/app:young", image(["y"]), { used: HOUR / 2 });
  return cache;
}

function fate(snapshot: CacheSnapshot, tag: string, policy: GcPolicy, disk?: Disk): EntryForecast {
  const entry = snapshot.entries.find(({ name }) => name.endsWith(`:${tag}`))!;
  return new EvictionForecast(snapshot, policy, { disk, leases: [] }).of(entry);
}

async function look(cache: CacheFolder): Promise<CacheSnapshot> {
  return await takeSnapshot(new Layout(cache.registry), cache.now);
}

Deno.test("without limits nothing is taken", async () => {
  using cache = filled();
  const { action, rule, isLimited, prospects } = fate(await look(cache), "d5", {});
  assert.deepEqual([action, rule, isLimited, prospects], ["keep", "within limits", false, []]);
});

Deno.test("what a rule takes now is said", async () => {
  using cache = filled();
  const told = fate(await look(cache), "d5", { unused: 4.5 * DAY });
  assert.deepEqual([told.action, told.rule, told.isLimited], ["remove", "unused", true]);
});

Deno.test("the day is told from which on an entry counts as unused", async () => {
  using cache = filled();
  const { prospects } = fate(await look(cache), "d3", { unused: 30 * DAY });
  assert.deepEqual(prospects, [{ rule: "unused", at: cache.now + 27 * DAY }]);
});

Deno.test("a pin leaves no prospects, and what is young has those of time", async () => {
  using cache = filled();
  const policy = { unused: 30 * DAY, maxSize: 1e9 };
  const pinned = fate(await look(cache), "pinned", policy);
  assert.deepEqual([pinned.rule, pinned.prospects], ["pinned", []]);
  const young = fate(await look(cache), "young", policy);
  assert.deepEqual([young.rule, young.prospects.map(({ rule }) => rule)], ["young", ["unused"]]);
});

Deno.test("what may still come is told: a byte less, and it stays; that much, and it goes", async () => {
  using cache = filled();
  const snapshot = await look(cache);
  for (const tag of ["d5", "d4", "d3", "d2"]) {
    const limit = snapshot.size + 12_345;
    const [prospect] = fate(snapshot, tag, { maxSize: limit }).prospects;
    assert.ok(prospect?.rule === "max-size");
    // Where so much more is there, the limit is so much nearer.
    const removed = (maxSize: number) =>
      planGc(snapshot, { maxSize }, { leases: [] }).remove.entries.some(({ name }) =>
        name.endsWith(`:${tag}`)
      );
    assert.equal(removed(limit - prospect.bytes), false, tag);
    assert.equal(removed(limit - prospect.bytes - 1), true, tag);
  }
});

Deno.test("the same for the disk and for the number of entries", async () => {
  using cache = filled();
  const snapshot = await look(cache);
  const disk = { size: 1e9, free: 500_000 };
  const [free] = fate(snapshot, "d3", { minFree: { bytes: 400_000 } }, disk).prospects;
  assert.ok(free?.rule === "min-free");
  const isTaken = (free: number) =>
    fate(snapshot, "d3", { minFree: { bytes: 400_000 } }, { ...disk, free }).action === "remove";
  assert.equal(isTaken(disk.free - free.bytes), false);
  assert.equal(isTaken(disk.free - free.bytes - 1), true);
  const [count] = fate(snapshot, "d3", { maxCount: 10 }).prospects;
  // Six are there, and two go before it: ten is reached with six more after these.
  assert.deepEqual(count, { rule: "max-count", entries: 6 });
});

Deno.test("what stays as one of the last of its repository has no day on which it goes", async () => {
  using cache = filled();
  const snapshot = await look(cache);
  const policy = { unused: 3.5 * DAY, maxSize: 1, keepLast: 6 };
  const { rule, prospects } = fate(snapshot, "d5", policy);
  assert.deepEqual([rule, prospects], ["keep-last", []]);
  // What does not is told of as before.
  const other = fate(snapshot, "d4", { unused: 30 * DAY, keepLast: 1 });
  assert.deepEqual(other.prospects, [{ rule: "unused", at: cache.now + 26 * DAY }]);
});

Deno.test("the room under the limits of an entry's own scope is told: that much, and it stays", async (t) => {
  using cache = filled();
  for (const days of [8, 7, 6]) {
    const file = blob(randomBytes(days * 777, `package ${days}`));
    cache.package(`debian/hello/${days}/amd64`, file, { used: days * DAY });
  }
  const snapshot = await look(cache);
  const scopes: [LimitScope, (limits: ScopeLimits) => GcPolicy][] = [
    ["image", (image) => ({ types: { image, package: {} } })],
    ["registry", (registry) => ({ registry })],
  ];
  for (const [scope, policyOf] of scopes) {
    await t.step(scope, () => {
      const isTaken = (tag: string, limits: ScopeLimits) =>
        fate(snapshot, tag, policyOf(limits)).action === "remove";
      for (const tag of ["d5", "d4", "d3", "d2"]) {
        const policy = policyOf({ maxSize: snapshot.size, maxCount: 10 });
        const [size, count] = fate(snapshot, tag, policy).prospects;
        assert.ok(size?.rule === "max-size" && size.scope === scope);
        assert.equal(isTaken(tag, { maxSize: snapshot.size - size.bytes }), false, tag);
        assert.equal(isTaken(tag, { maxSize: snapshot.size - size.bytes - 1 }), true, tag);
        assert.ok(count?.rule === "max-count" && count.scope === scope);
        assert.equal(isTaken(tag, { maxCount: 10 - count.entries }), false, tag);
        assert.equal(isTaken(tag, { maxCount: 10 - count.entries - 1 }), true, tag);
      }
    });
  }
  assert.deepEqual(fate(snapshot, "d5", { types: { package: { maxSize: 1e9 } } }).prospects, []);
});

Deno.test("entries that stay as the last of their type's groups are not counted as going before", async () => {
  using cache = filled();
  cache.package("debian/hello/1/amd64", blob(randomBytes(500, "1")), { used: 8 * DAY });
  const snapshot = await look(cache);
  const policy: GcPolicy = { maxCount: 10, types: { package: { keepLast: 1 } } };
  // Seven are there, and none but a package goes before it, which stays.
  assert.deepEqual(fate(snapshot, "d5", policy).prospects, [{ rule: "max-count", entries: 3 }]);
});
