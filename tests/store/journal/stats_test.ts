import assert from "node:assert/strict";
import { asDigest, type Digest } from "../../../src/oci/digest.ts";
import {
  type Evicted,
  type JournalEvent,
  type MissCause,
  sweepEvent,
} from "../../../src/store/journal/journal.ts";
import { REGRET_AGE, statsOf } from "../../../src/store/journal/stats.ts";
import { DAY } from "../../support/cache/test_cache.ts";

function digest(letter: string): Digest {
  return asDigest(`sha256:${letter.repeat(64)}`)!;
}

function use(day: number, name: string, cause?: MissCause): JournalEvent {
  const [fetched, saved] = cause ? [10, 1] : [0, 11];
  const at = new Date(day * DAY).toISOString();
  return { kind: "use", at, name, digest: digest(name), ...(cause && { cause }), fetched, saved };
}

function evicted(name: string, rule: string, lastUsed: number, bytes = 10): Evicted {
  return { name, digest: digest(name), rule, why: "", bytes, lastUsed: lastUsed * DAY };
}

function sweep(day: number, entries: readonly Evicted[], by = "gc"): JournalEvent {
  return sweepEvent({
    at: new Date(day * DAY).toISOString(),
    by,
    evicted: [...entries],
    bytes: entries.reduce((sum, { bytes }) => sum + bytes, 0),
    entriesLeft: 3,
    bytesLeft: 1000,
  });
}

Deno.test("statsOf an empty journal is all zero", () => {
  assert.deepEqual(statsOf([]), {
    since: undefined,
    hits: 0,
    misses: 0,
    causes: {},
    fetched: 0,
    shared: 0,
    saved: 0,
    pushes: 0,
    evictions: { entries: 0, bytes: 0 },
    regrets: [],
    advice: [],
  });
});

Deno.test("statsOf counts hits, misses and bytes", () => {
  const stats = statsOf([
    use(1, "a", "new"),
    use(2, "a"),
    use(3, "a", "moved"),
    use(4, "b", "new"),
  ]);
  assert.equal(stats.since, DAY);
  assert.deepEqual([stats.hits, stats.misses], [1, 3]);
  assert.deepEqual(stats.causes, { new: 2, moved: 1 });
  assert.deepEqual([stats.fetched, stats.saved], [30, 14]);
});

Deno.test("statsOf reports a regret if evicted content is fetched again within REGRET_AGE", async (t) => {
  const soon = 10 + REGRET_AGE / DAY;
  const cases: [string, JournalEvent[], number][] = [
    ["fetched soon", [use(11, "a", "new")], 1],
    ["fetched at the last moment", [use(soon, "a", "missing")], 1],
    ["fetched later", [use(soon + 1, "a", "new")], 0],
    ["other content", [use(11, "b", "new")], 0],
    ["a hit, because another entry kept it", [use(11, "a")], 0],
    ["never fetched again", [], 0],
  ];
  for (const [name, events, count] of cases) {
    await t.step(name, () => {
      const stats = statsOf([sweep(10, [evicted("a", "unused", 1)]), ...events]);
      assert.equal(stats.regrets.length, count);
      assert.equal(stats.advice.length, count);
    });
  }
});

Deno.test("statsOf reports no regret for a fetch before the sweep", () => {
  const stats = statsOf([use(9, "a", "new"), sweep(10, [evicted("a", "unused", 1)])]);
  assert.deepEqual(stats.regrets, []);
});

Deno.test("statsOf reports no regret for an evicted entry whose content others had kept", () => {
  const again = { ...use(2, "a", "new"), fetched: 0 } as JournalEvent;
  assert.deepEqual(statsOf([sweep(1, [evicted("a", "max-size", 0)]), again]).regrets, []);
});

Deno.test("statsOf reports no regret for entries that a user selected or that were damaged", () => {
  for (const rule of ["asked", "damaged"]) {
    const stats = statsOf([sweep(10, [evicted("a", rule, 1)], "clean"), use(11, "a", "new")]);
    assert.deepEqual([stats.regrets, stats.advice], [[], []]);
  }
  const cleaned = statsOf([sweep(10, [evicted("a", "asked", 1)], "clean")]);
  assert.deepEqual(cleaned.evictions, { entries: 0, bytes: 0 });
});

Deno.test("statsOf advises a limit with room for everything used after the regretted entry", async (t) => {
  const entries = (rule: string) => [
    evicted("a", rule, 1, 10),
    evicted("b", rule, 2, 200),
    evicted("c", rule, 3, 3000),
    evicted("d", "disabled", 4, 5),
  ];
  const cases: [string, number][] = [
    ["max-size", 1000 + 200 + 3000],
    ["max-count", 3 + 2],
    ["min-free", 200 + 3000],
    ["unused", 9 * DAY],
  ];
  for (const [rule, atLeast] of cases) {
    await t.step(rule, () => {
      const stats = statsOf([sweep(10, entries(rule)), use(11, "b", "new")]);
      assert.deepEqual(stats.regrets.map(({ name }) => name), ["b"]);
      assert.deepEqual(stats.advice, [{ rule, scope: undefined, atLeast }]);
    });
  }
});

Deno.test("statsOf advises the largest limit that any regret needs", () => {
  const stats = statsOf([
    sweep(10, [evicted("a", "unused", 8), evicted("b", "unused", 2)]),
    use(11, "a", "new"),
    use(12, "b", "new"),
  ]);
  assert.deepEqual(stats.advice, [{ rule: "unused", scope: undefined, atLeast: 10 * DAY }]);
});

Deno.test("statsOf advises limits per type, with room for the entries of the type", () => {
  const scoped = (name: string, rule: string, scope: string | undefined, lastUsed: number) => ({
    ...evicted(name, rule, lastUsed, 100),
    scope,
  });
  const swept = sweepEvent({
    at: new Date(10 * DAY).toISOString(),
    by: "gc",
    evicted: [
      scoped("a", "max-size", "package", 1),
      scoped("b", "max-size", "package", 2),
      scoped("c", "max-size", undefined, 3),
      scoped("d", "max-count", "image", 4),
      scoped("e", "unused", "app", 5),
    ],
    bytes: 500,
    entriesLeft: 30,
    bytesLeft: 1000,
    typesLeft: [
      { type: "package", entries: 7, bytes: 40 },
      { type: "image", entries: 2, bytes: 50 },
      { type: "app", entries: 9, bytes: 60 },
    ],
  });
  const { advice } = statsOf([swept, ...["a", "c", "d", "e"].map((name) => use(11, name, "new"))]);
  assert.deepEqual(
    advice.toSorted((a, b) => a.atLeast - b.atLeast),
    [
      { rule: "max-count", scope: "image", atLeast: 2 + 1 },
      { rule: "max-size", scope: "package", atLeast: 40 + 200 },
      { rule: "max-size", scope: undefined, atLeast: 1000 + 100 },
      { rule: "unused", scope: "app", atLeast: 6 * DAY },
    ],
  );
});
