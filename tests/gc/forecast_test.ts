import assert from "node:assert/strict";
import type { Disk } from "../../src/base/files/disk.ts";
import { planGc } from "../../src/gc/planner.ts";
import type { GcPolicy, LimitScope, ScopeLimits } from "../../src/gc/policy.ts";
import { type EntryForecast, EvictionForecast } from "../../src/gc/forecast.ts";
import { takeSnapshot } from "../../src/snapshot/snapshot.ts";
import type { CacheSnapshot } from "../../src/snapshot/types.ts";
import { Layout } from "../../src/store/layout.ts";
import { blob, image, randomBytes } from "../support/cache/artifacts.ts";
import { DAY, HOUR, TestCache } from "../support/cache/test_cache.ts";

/** Images used 5, 4, 3 and 2 days ago, a pinned one and a young one. */
function filled(): TestCache {
  const cache = new TestCache();
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

async function look(cache: TestCache): Promise<CacheSnapshot> {
  return await takeSnapshot(new Layout(cache.registry), cache.now);
}

Deno.test("EvictionForecast has no prospects without limits", async () => {
  using cache = filled();
  const { action, rule, isLimited, prospects } = fate(await look(cache), "d5", {});
  assert.deepEqual([action, rule, isLimited, prospects], ["keep", "within limits", false, []]);
});

Deno.test("EvictionForecast names the rule that removes an entry now", async () => {
  using cache = filled();
  const told = fate(await look(cache), "d5", { unused: 4.5 * DAY });
  assert.deepEqual([told.action, told.rule, told.isLimited], ["remove", "unused", true]);
});

Deno.test("EvictionForecast gives the time from which an entry counts as unused", async () => {
  using cache = filled();
  const { prospects } = fate(await look(cache), "d3", { unused: 30 * DAY });
  assert.deepEqual(prospects, [{ rule: "unused", at: cache.now + 27 * DAY }]);
});

Deno.test("EvictionForecast has no prospects for a pinned entry, and only times for a young one", async () => {
  using cache = filled();
  const policy = { unused: 30 * DAY, maxSize: 1e9 };
  const pinned = fate(await look(cache), "pinned", policy);
  assert.deepEqual([pinned.rule, pinned.prospects], ["pinned", []]);
  const young = fate(await look(cache), "young", policy);
  assert.deepEqual([young.rule, young.prospects.map(({ rule }) => rule)], ["young", ["unused"]]);
});

Deno.test("EvictionForecast gives the bytes that may still be added under max-size", async () => {
  using cache = filled();
  const snapshot = await look(cache);
  for (const tag of ["d5", "d4", "d3", "d2"]) {
    const limit = snapshot.size + 12_345;
    const [prospect] = fate(snapshot, tag, { maxSize: limit }).prospects;
    assert.ok(prospect?.rule === "max-size");
    // Adding bytes to the cache is the same as lowering the limit by them.
    const removed = (maxSize: number) =>
      planGc(snapshot, { maxSize }, { leases: [] }).remove.entries.some(({ name }) =>
        name.endsWith(`:${tag}`)
      );
    assert.equal(removed(limit - prospect.bytes), false, tag);
    assert.equal(removed(limit - prospect.bytes - 1), true, tag);
  }
});

Deno.test("EvictionForecast gives the room under min-free and max-count", async () => {
  using cache = filled();
  const snapshot = await look(cache);
  const disk = { size: 1e9, free: 500_000 };
  const [free] = fate(snapshot, "d3", { minFree: { bytes: 400_000 } }, disk).prospects;
  assert.ok(free?.rule === "min-free");
  const isEvicted = (free: number) =>
    fate(snapshot, "d3", { minFree: { bytes: 400_000 } }, { ...disk, free }).action === "remove";
  assert.equal(isEvicted(disk.free - free.bytes), false);
  assert.equal(isEvicted(disk.free - free.bytes - 1), true);
  const [count] = fate(snapshot, "d3", { maxCount: 10 }).prospects;
  // Of six entries two are evicted before it, so a limit of ten has room for six more.
  assert.deepEqual(count, { rule: "max-count", entries: 6 });
});

Deno.test("EvictionForecast has no prospects for an entry that keep-last keeps", async () => {
  using cache = filled();
  const snapshot = await look(cache);
  const policy = { unused: 3.5 * DAY, maxSize: 1, keepLast: 6 };
  const { rule, prospects } = fate(snapshot, "d5", policy);
  assert.deepEqual([rule, prospects], ["keep-last", []]);
  // An entry that keep-last does not keep is forecast as before.
  const other = fate(snapshot, "d4", { unused: 30 * DAY, keepLast: 1 });
  assert.deepEqual(other.prospects, [{ rule: "unused", at: cache.now + 26 * DAY }]);
});

Deno.test("EvictionForecast gives the room under the limits of a scope", async (t) => {
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
      const isEvicted = (tag: string, limits: ScopeLimits) =>
        fate(snapshot, tag, policyOf(limits)).action === "remove";
      for (const tag of ["d5", "d4", "d3", "d2"]) {
        const policy = policyOf({ maxSize: snapshot.size, maxCount: 10 });
        const [size, count] = fate(snapshot, tag, policy).prospects;
        assert.ok(size?.rule === "max-size" && size.scope === scope);
        assert.equal(isEvicted(tag, { maxSize: snapshot.size - size.bytes }), false, tag);
        assert.equal(isEvicted(tag, { maxSize: snapshot.size - size.bytes - 1 }), true, tag);
        assert.ok(count?.rule === "max-count" && count.scope === scope);
        assert.equal(isEvicted(tag, { maxCount: 10 - count.entries }), false, tag);
        assert.equal(isEvicted(tag, { maxCount: 10 - count.entries - 1 }), true, tag);
      }
    });
  }
  assert.deepEqual(fate(snapshot, "d5", { types: { package: { maxSize: 1e9 } } }).prospects, []);
});

Deno.test("EvictionForecast does not count entries that keep-last keeps as evicted before", async () => {
  using cache = filled();
  cache.package("debian/hello/1/amd64", blob(randomBytes(500, "1")), { used: 8 * DAY });
  const snapshot = await look(cache);
  const policy: GcPolicy = { maxCount: 10, types: { package: { keepLast: 1 } } };
  // Of seven entries only a package would be evicted before it, and keep-last keeps that.
  assert.deepEqual(fate(snapshot, "d5", policy).prospects, [{ rule: "max-count", entries: 3 }]);
});
