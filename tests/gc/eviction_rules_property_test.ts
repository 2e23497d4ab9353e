import assert from "node:assert/strict";
import fc from "fast-check";
import { ReferenceCounts, SharedSize, sizeOf } from "../../src/gc/reference_counts.ts";
import { type GcPolicy, isInScope, LIMIT_SCOPES, ownLimits } from "../../src/gc/policy.ts";
import { applyRules, selectEvictions } from "../../src/gc/eviction_rules.ts";
import { EvictionState } from "../../src/gc/eviction_state.ts";
import { putBack } from "../../src/gc/put_back.ts";
import {
  type CacheSnapshot,
  ENTRY_TYPES,
  isFromRegistry,
  type SnapshotEntry,
} from "../../src/snapshot/types.ts";
import { DAY } from "../support/cache/test_cache.ts";
import { fakeFacts, fakeSnapshot, NONE_UNREFERENCED } from "../support/cache/fake_snapshot.ts";

const MINUTE = 60_000;

const NAMES = ["p", "q", "r", "s", "t"];
const anEntry = fc.record({
  tag: fc.nat({ max: 1_000_000 }),
  repository: fc.constantFrom("x", "y"),
  type: fc.constantFrom(...ENTRY_TYPES),
  used: fc.integer({ min: 0, max: 20 }).map((days) => days * DAY),
  needs: fc.uniqueArray(fc.constantFrom(...NAMES), { maxLength: 4 }),
  own: fc.nat({ max: 20 }),
  pin: fc.option(fc.constant({}), { nil: undefined, freq: 4 }),
});
const aSnapshot = fc.tuple(
  fc.uniqueArray(anEntry, { maxLength: 12, selector: ({ tag }) => tag }),
  fc.array(fc.tuple(fc.nat({ max: 500 }), fc.constantFrom(MINUTE, 9 * DAY)), {
    minLength: NAMES.length,
    maxLength: NAMES.length,
  }),
).map(([entries, sizes]): CacheSnapshot =>
  fakeSnapshot(
    entries.map(({ repository, tag, ...entry }) => ({ name: `${repository}:${tag}`, ...entry })),
    Object.fromEntries(NAMES.map((name, i) => [name, sizes[i]!])),
  )
);
const aPolicy = fc.record({
  maxSize: fc.nat({ max: 1500 }),
  minFree: fc.nat({ max: 2000 }).map((bytes) => ({ bytes })),
  maxCount: fc.nat({ max: 12 }),
  unused: fc.nat({ max: 20 }).map((days) => days * DAY),
  keepLast: fc.nat({ max: 3 }),
  registry: fc.record({ maxSize: fc.nat({ max: 900 }), maxCount: fc.nat({ max: 6 }) }, {
    requiredKeys: [],
  }),
  types: fc.record({
    app: fc.record({ maxSize: fc.nat({ max: 900 }) }, { requiredKeys: [] }),
    package: fc.record({ maxCount: fc.nat({ max: 4 }) }, { requiredKeys: [] }),
  }, { requiredKeys: [] }),
}, { requiredKeys: [] });
const DISK = { size: 10_000, free: 500 };

Deno.test("selectEvictions decides once on each entry, adds up bytes, and meets limits or reports shortfalls, for any cache", () => {
  fc.assert(fc.property(aSnapshot, aPolicy, (snapshot, policy) => {
    const selection = selectEvictions(
      snapshot,
      policy,
      fakeFacts(),
      { disk: DISK },
      NONE_UNREFERENCED,
    );
    const { decisions, contents, shortfalls } = selection;
    assert.deepEqual(
      decisions.map(({ entry }) => entry.name).sort(),
      snapshot.entries.map(({ name }) => name).sort(),
    );
    const kept = decisions.filter(({ action }) => action === "keep").map(({ entry }) => entry);
    const needed = new Set(kept.flatMap(({ references }) => references));
    for (const place of contents) assert.ok(!needed.has(place));
    const orphans = contents.filter((place) => snapshot.referenceCounts[place] === 0);
    const sizeOf = (places: readonly number[]) =>
      places.reduce((sum, place) => sum + snapshot.contents[place]!.size, 0);
    const removed = decisions.filter((decision) => decision.action === "remove");
    const freed = removed.reduce((sum, { bytes }) => sum + bytes, sizeOf(orphans));
    const own = removed.reduce((sum, { entry }) => sum + entry.ownSize, 0);
    assert.equal(freed, own + sizeOf(contents));
    const missing = (rule: string, scope?: string) =>
      shortfalls.find((each) => each.rule === rule && each.type === scope)?.missing ?? 0;
    const size = snapshot.size - freed;
    assert.ok(size <= (policy.maxSize ?? Infinity) + missing("max-size"));
    assert.ok(DISK.free + freed >= (policy.minFree?.bytes ?? 0) - missing("min-free"));
    assert.ok(kept.length <= (policy.maxCount ?? Infinity) + missing("max-count"));
    const ofRegistry = kept.filter(({ type }) => isFromRegistry(type));
    const used = ofRegistry.reduce((sum, { ownSize }) => sum + ownSize, 0) +
      sizeOf([...new Set(ofRegistry.flatMap(({ references }) => references))]);
    const { maxSize = Infinity, maxCount = Infinity } = policy.registry ?? {};
    assert.ok(used <= maxSize + missing("max-size", "registry"));
    assert.ok(ofRegistry.length <= maxCount + missing("max-count", "registry"));
  }));
});

/** Returns by how much entries that are kept exceed each limit, in the order of the scopes. */
function excesses(
  snapshot: CacheSnapshot,
  policy: GcPolicy,
  removed: ReadonlySet<SnapshotEntry>,
): number[] {
  const kept = snapshot.entries.filter((entry) => !removed.has(entry));
  const counts = new ReferenceCounts(snapshot, fakeFacts());
  for (const entry of removed) counts.release(entry);
  const freed = sizeOf(snapshot, counts.freed()) +
    [...removed].reduce((sum, { ownSize }) => sum + ownSize, 0);
  const own = LIMIT_SCOPES.flatMap((scope) => {
    const { maxSize = Infinity, maxCount = Infinity } = ownLimits(policy, scope);
    const entries = kept.filter(({ type }) => isInScope(type, scope));
    return [new SharedSize(snapshot, entries).size - maxSize, entries.length - maxCount];
  });
  const { maxSize = Infinity, maxCount = Infinity, minFree } = policy;
  const free = DISK.free + freed;
  const required = minFree && "bytes" in minFree ? minFree.bytes : 0;
  return [snapshot.size - freed - maxSize, kept.length - maxCount, required - free, ...own];
}

Deno.test("selectEvictions removes no entry that could be kept within the limits, for any cache", () => {
  fc.assert(
    fc.property(aSnapshot, aPolicy, (snapshot, policy) => {
      const { decisions } = selectEvictions(
        snapshot,
        policy,
        fakeFacts(),
        { disk: DISK },
        NONE_UNREFERENCED,
      );
      const removals = decisions.filter((decision) => decision.action === "remove");
      const removed = new Set(removals.map(({ entry }) => entry));
      const before = excesses(snapshot, policy, removed);
      for (const { entry, rule } of removals) {
        if (!["max-size", "max-count", "min-free"].includes(rule)) continue;
        const without = new Set([...removed].filter((each) => each !== entry));
        const after = excesses(snapshot, policy, without);
        assert.ok(
          after.some((excess, i) => excess > 0 && excess >= before[i]!),
          `${entry.name} fits: ${after}`,
        );
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("selectEvictions puts back only what the budgets evicted, and stays within the limits, for any cache", () => {
  fc.assert(
    fc.property(aSnapshot, aPolicy, (snapshot, policy) => {
      const state = new EvictionState(
        snapshot,
        policy,
        fakeFacts(),
        { disk: DISK },
        NONE_UNREFERENCED,
      );
      applyRules(state);
      const removals = () =>
        state.selection().decisions.flatMap((each) => each.action === "remove" ? [each] : []);
      const before = removals();
      const over = excesses(snapshot, policy, new Set(before.map(({ entry }) => entry)));
      putBack(state);
      const after = new Set(removals().map(({ entry }) => entry));
      for (const { entry, rule } of before) {
        const isBudget = ["max-size", "max-count", "min-free"].includes(rule);
        assert.ok(isBudget || after.has(entry), `${entry.name} matches ${rule}`);
      }
      assert.deepEqual(
        [...after].filter((entry) => !before.some((each) => each.entry === entry)),
        [],
      );
      for (const [i, excess] of excesses(snapshot, policy, after).entries()) {
        assert.ok(excess <= Math.max(0, over[i]!), `limit ${i} is exceeded by ${excess}`);
      }
    }),
    { numRuns: 500 },
  );
});
