import assert from "node:assert/strict";
import { type Facts } from "../../src/gc/reference_counts.ts";
import { NOTHING_IN_USE } from "../../src/gc/in_use.ts";
import { type GcPolicy } from "../../src/gc/policy.ts";
import { selectEvictions, selectRequested } from "../../src/gc/eviction_rules.ts";
import type { Selection } from "../../src/gc/selection.ts";
import { type CacheSnapshot } from "../../src/snapshot/types.ts";
import { DAY } from "../support/cache/test_cache.ts";
import {
  type FakeContents,
  type FakeEntry,
  fakeFacts,
  fakeSnapshot,
  NONE_UNREFERENCED,
} from "../support/cache/fake_snapshot.ts";

const MINUTE = 60_000;
const DISK = { size: 10_000, free: 500 };

/** Returns `- v1 max-size 100` for a removal and `+ v2 pinned` for a kept entry, by the tag of its name. */
function summary({ decisions }: Selection): string[] {
  return decisions.map((decision) => {
    const tag = decision.entry.name.split(":").at(-1);
    return decision.action === "remove"
      ? `- ${tag} ${decision.rule} ${decision.bytes}`
      : `+ ${tag} ${decision.rule}`;
  });
}

interface Case {
  readonly name: string;
  readonly entries: readonly FakeEntry[];
  readonly contents?: FakeContents;
  readonly policy: GcPolicy;
  readonly facts?: Partial<Facts>;
  readonly disk?: { size: number; free: number };
  readonly expected: readonly string[];
}

const app = (tag: string, more: Partial<FakeEntry> = {}): FakeEntry => ({
  name: `ghcr.io/acme/app:${tag}`,
  ...more,
});

/** Adds interrupted downloads to a snapshot: bytes, and milliseconds since. */
function withPartials(
  snapshot: CacheSnapshot,
  partials: readonly (readonly [number, number])[],
): CacheSnapshot {
  const files = partials.map(([size, age]) => ({
    path: `/cache/registry/partial/${size}`,
    size,
    allocated: size,
    mtime: snapshot.takenAt - age,
  }));
  const bytes = partials.reduce((sum, [size]) => sum + size, 0);
  return { ...snapshot, partials: files, size: snapshot.size + bytes };
}

/** Three apps of 100 bytes each, `a` the least recently used. */
const THREE = [
  app("a", { used: 3 * DAY, needs: ["a"] }),
  app("b", { used: 2 * DAY, needs: ["b"] }),
  app("c", { used: DAY, needs: ["c"] }),
];
const HUNDREDS = { a: 100, b: 100, c: 100 };

const cases: Case[] = [
  {
    name: "without limits every entry is kept",
    entries: THREE,
    contents: HUNDREDS,
    policy: {},
    expected: ["+ a within limits", "+ b within limits", "+ c within limits"],
  },
  {
    name: "unused evicts at the limit and keeps an entry used a millisecond later",
    entries: [app("a", { used: 30 * DAY }), app("b", { used: 30 * DAY - 1 })],
    policy: { unused: 30 * DAY },
    expected: ["- a unused 0", "+ b within limits"],
  },
  {
    name: "unused of a type replaces the one of the cache",
    entries: [app("a"), { name: "p:p", type: "package" }, { name: "i:i", type: "build" }],
    policy: { unused: 10 * DAY, types: { package: { unused: 60 * DAY }, build: {} } },
    expected: ["- a unused 0", "- i unused 0", "+ p within limits"],
  },
  {
    name: "max-size evicts the least recently used until the rest fits",
    entries: THREE,
    contents: HUNDREDS,
    policy: { maxSize: 100 },
    expected: ["- a max-size 100", "- b max-size 100", "+ c within limits"],
  },
  {
    name: "max-size keeps what fits exactly",
    entries: THREE,
    contents: HUNDREDS,
    policy: { maxSize: 300 },
    expected: ["+ a within limits", "+ b within limits", "+ c within limits"],
  },
  {
    name: "max-size counts removable orphans as freed before it evicts",
    entries: THREE,
    contents: { ...HUNDREDS, orphan: 1000 },
    policy: { maxSize: 300 },
    expected: ["+ a within limits", "+ b within limits", "+ c within limits"],
  },
  {
    name: "max-size counts a young orphan",
    entries: THREE,
    contents: { ...HUNDREDS, orphan: [100, MINUTE] },
    policy: { maxSize: 300 },
    expected: ["- a max-size 100", "+ b within limits", "+ c within limits"],
  },
  {
    name: "max-size frees a shared layer with the last entry that needs it",
    entries: [
      app("a", { used: 3 * DAY, needs: ["a", "shared"], own: 1 }),
      app("b", { used: 2 * DAY, needs: ["b", "shared"], own: 1 }),
      app("c", { used: DAY, needs: ["c"] }),
    ],
    contents: { ...HUNDREDS, shared: 500 },
    policy: { maxSize: 200 },
    expected: ["- a max-size 101", "- b max-size 601", "+ c within limits"],
  },
  {
    name: "max-size keeps an entry that frees nothing because kept ones share its content",
    entries: [
      app("a", { used: 3 * DAY, needs: ["c"], own: 1 }),
      app("b", { used: 2 * DAY, needs: ["b"] }),
      app("c", { used: DAY, needs: ["c"] }),
    ],
    contents: { b: 100, c: 100 },
    policy: { maxSize: 150 },
    expected: ["- b max-size 100", "+ a shared", "+ c within limits"],
  },
  {
    name: "max-size keeps as many of these as fit, the most recently used first",
    entries: [
      app("a", { used: 4 * DAY, needs: ["c"], own: 40 }),
      app("b", { used: 3 * DAY, needs: ["c"], own: 40 }),
      app("d", { used: 2 * DAY, needs: ["d"] }),
      app("c", { used: DAY, needs: ["c"] }),
    ],
    contents: { c: 100, d: 100 },
    policy: { maxSize: 150 },
    expected: ["- a max-size 40", "- d max-size 100", "+ b shared", "+ c within limits"],
  },
  {
    name: "max-size evicts one of these if its own files do not fit",
    entries: [
      app("a", { used: 3 * DAY, needs: ["c"], own: 51 }),
      app("b", { used: 2 * DAY, needs: ["b"] }),
      app("c", { used: DAY, needs: ["c"] }),
    ],
    contents: { b: 100, c: 100 },
    policy: { maxSize: 150 },
    expected: ["- a max-size 51", "- b max-size 100", "+ c within limits"],
  },
  {
    name: "max-size puts back what fits after an entry larger than the limit was evicted",
    entries: [
      app("a", { used: 4 * DAY, needs: ["a"] }),
      app("b", { used: 3 * DAY, needs: ["b"] }),
      app("c", { used: 2 * DAY, needs: ["c"] }),
      app("big", { used: DAY, needs: ["big"] }),
    ],
    contents: { ...HUNDREDS, big: 440 },
    policy: { maxSize: 250 },
    expected: ["- a max-size 100", "- big max-size 440", "+ b within limits", "+ c within limits"],
  },
  {
    name:
      "max-size counts shared content with the removal that frees it, after others were put back",
    entries: [
      app("a", { used: 4 * DAY, needs: ["shared"], own: 1 }),
      app("b", { used: 3 * DAY, needs: ["shared"], own: 60 }),
      app("big", { used: 2 * DAY, needs: ["shared", "big"] }),
    ],
    contents: { shared: 100, big: 440 },
    policy: { maxSize: 110 },
    expected: ["- b max-size 60", "- big max-size 440", "+ a within limits"],
  },
  {
    name: "max-count puts back an entry where max-size left room for it",
    entries: [
      app("a", { used: 4 * DAY, needs: ["a"] }),
      app("b", { used: 3 * DAY, needs: ["b"] }),
      app("big", { used: 2 * DAY, needs: ["big"] }),
    ],
    contents: { ...HUNDREDS, big: 440 },
    policy: { maxSize: 250, maxCount: 2 },
    expected: ["- big max-size 440", "+ a within limits", "+ b within limits"],
  },
  {
    name: "max-size of a type puts back only what fits in the limit of each scope",
    entries: [
      app("a", { used: 4 * DAY, needs: ["a"] }),
      { name: "p:p", type: "package", used: 3 * DAY, needs: ["b"] },
      { name: "p:big", type: "package", used: 2 * DAY, needs: ["big"] },
    ],
    contents: { ...HUNDREDS, big: 440 },
    policy: { maxSize: 250, types: { package: { maxSize: 90 } } },
    expected: ["- p max-size 100", "- big max-size 440", "+ a within limits"],
  },
  {
    name: "max-size does not count young content as freed",
    entries: THREE,
    contents: { ...HUNDREDS, a: [100, MINUTE] },
    policy: { maxSize: 200 },
    expected: ["- b max-size 100", "+ a shared", "+ c within limits"],
  },
  {
    name: "max-size evicts the cheapest to restore first among entries used at the same time",
    entries: [
      { name: "x:image", type: "build", needs: ["a"] },
      { name: "x:app", needs: ["b"] },
      { name: "x:small", needs: ["c"] },
      { name: "x:compiled", type: "compiled", needs: ["d"] },
    ],
    contents: { a: 100, b: 100, c: 10, d: 1000 },
    policy: { maxSize: 0 },
    expected: [
      "- compiled max-size 1000",
      "- small max-size 10",
      "- app max-size 100",
      "- image max-size 100",
    ],
  },
  {
    name: "max-size of a type evicts only entries of the type",
    entries: [
      app("a", { used: 3 * DAY, needs: ["a"] }),
      { name: "p:p", type: "package", used: 2 * DAY, needs: ["b"] },
      { name: "p:q", type: "package", used: DAY, needs: ["c"] },
    ],
    contents: HUNDREDS,
    policy: { types: { package: { maxSize: 150 } } },
    expected: ["- p max-size 100", "+ a within limits", "+ q within limits"],
  },
  {
    name: "max-size of a type counts content that other types share",
    entries: [
      app("a", { used: DAY, needs: ["a"] }),
      { name: "p:p", type: "package", used: 2 * DAY, needs: ["a"], own: 1 },
    ],
    contents: { a: 100 },
    policy: { types: { package: { maxSize: 50 } } },
    expected: ["- p max-size 1", "+ a within limits"],
  },
  {
    name: "max-size of the registry scope is one budget for apps and images",
    entries: [
      app("a", { used: 5 * DAY, needs: ["a"] }),
      app("b", { used: 4 * DAY, needs: ["b"], type: "image" }),
      { name: "p:p", type: "package", used: 9 * DAY, needs: ["p"] },
      app("c", { used: 3 * DAY, needs: ["c"] }),
    ],
    contents: { ...HUNDREDS, p: 1000 },
    policy: { registry: { maxSize: 150 } },
    expected: ["- a max-size 100", "- b max-size 100", "+ p within limits", "+ c within limits"],
  },
  {
    name: "max-count of the registry scope counts apps and images together",
    entries: [
      app("a", { used: 5 * DAY, type: "image" }),
      app("b", { used: 4 * DAY }),
      { name: "p:p", type: "package", used: 9 * DAY },
    ],
    policy: { registry: { maxCount: 1 } },
    expected: ["- a max-count 0", "+ b within limits", "+ p within limits"],
  },
  {
    name: "max-size is enforced for types, then for the registry scope, then for the cache",
    entries: [
      app("a", { used: 6 * DAY, needs: ["a"], type: "image" }),
      app("b", { used: 5 * DAY, needs: ["b"] }),
      app("c", { used: 4 * DAY, needs: ["c"], type: "image" }),
      { name: "p:p", type: "package", used: 9 * DAY, needs: ["p"] },
      app("d", { used: 3 * DAY, needs: ["d"] }),
    ],
    contents: { ...HUNDREDS, p: 100, d: 100 },
    policy: { maxSize: 100, registry: { maxSize: 200 }, types: { image: { maxSize: 100 } } },
    expected: [
      "- a max-size 100",
      "- b max-size 100",
      "- p max-size 100",
      "- c max-size 100",
      "+ d within limits",
    ],
  },
  {
    name: "disabled for the registry scope evicts apps and images, unless a type is enabled",
    entries: [app("a"), app("b", { type: "image" }), { name: "p:p", type: "package" }],
    policy: { registry: { disabled: true }, types: { image: { disabled: false } } },
    expected: ["- a disabled 0", "+ b within limits", "+ p within limits"],
  },
  {
    name: "max-count evicts the least recently used until the limit is met",
    entries: THREE,
    contents: HUNDREDS,
    policy: { maxCount: 1 },
    expected: ["- a max-count 100", "- b max-count 100", "+ c within limits"],
  },
  {
    name: "max-count of a type counts only its entries",
    entries: [...THREE, { name: "i:i", type: "build", used: 9 * DAY }],
    contents: HUNDREDS,
    policy: { types: { app: { maxCount: 2 }, build: { maxCount: 1 } } },
    expected: ["- a max-count 100", "+ b within limits", "+ c within limits", "+ i within limits"],
  },
  {
    name: "max-count counts entries that are kept anyway",
    entries: [app("a", { used: 3 * DAY }), app("b", { used: 2 * DAY, pin: {} }), app("c")],
    policy: { maxCount: 2 },
    expected: ["- c max-count 0", "+ a within limits", "+ b pinned"],
  },
  {
    name: "min-free evicts until the bytes are free",
    entries: THREE,
    contents: HUNDREDS,
    policy: { minFree: { bytes: 1150 } },
    disk: { size: 5000, free: 1000 },
    expected: ["- a min-free 100", "- b min-free 100", "+ c within limits"],
  },
  {
    name: "min-free takes a percentage of the whole disk",
    entries: THREE,
    contents: HUNDREDS,
    policy: { minFree: { percent: 22 } },
    disk: { size: 5000, free: 1000 },
    expected: ["- a min-free 100", "+ b within limits", "+ c within limits"],
  },
  {
    name: "min-free is ignored if the disk is unknown",
    entries: THREE,
    contents: HUNDREDS,
    policy: { minFree: { percent: 100 } },
    expected: ["+ a within limits", "+ b within limits", "+ c within limits"],
  },
  {
    name: "disabled evicts every entry of the type except pinned ones",
    entries: [
      app("a"),
      { name: "p:p", type: "package" },
      { name: "p:q", type: "package", pin: {} },
    ],
    policy: { types: { package: { disabled: true } } },
    expected: ["- p disabled 0", "+ a within limits", "+ q pinned"],
  },
  {
    name: "damaged evicts entries without any references, unless they are young",
    entries: [
      app("a", { problem: "its manifest is missing", own: 7 }),
      app("b", { problem: "its index is damaged", needs: ["b"] }),
      app("c", { problem: "its manifest is missing", used: MINUTE }),
    ],
    contents: { b: 100 },
    policy: {},
    expected: ["- a damaged 7", "+ b within limits", "+ c young"],
  },
  {
    name: "pinned, used, young and keep-last entries are kept whatever the limits are",
    entries: [
      app("pinned", { pin: { note: "release" }, needs: ["a"] }),
      app("used", { needs: ["b"] }),
      app("young", { used: 59 * MINUTE, needs: ["c"] }),
      { name: "ghcr.io/acme/other:last", needs: ["d"] },
      { name: "ghcr.io/acme/other:first", used: 40 * DAY, needs: ["e"] },
    ],
    contents: { ...HUNDREDS, d: 100, e: 100 },
    policy: { unused: 0, maxSize: 0, maxCount: 1, keepLast: 1 },
    facts: {
      inUse: {
        folders: new Map([["/cache/registry/manifests/ghcr.io/acme/app/used", "larder run"]]),
        contentIds: new Set(),
        partials: new Set(),
      },
    },
    expected: [
      "- first unused 100",
      "+ pinned pinned",
      "+ used in use",
      "+ young young",
      "+ last keep-last",
    ],
  },
  {
    name: "what was pushed is kept whatever the limits are, also if it is damaged",
    entries: [
      { name: "local/app:a", needs: ["a"] },
      { name: "local/app:b", problem: "its manifest is missing" },
      app("c", { needs: ["c"] }),
    ],
    contents: HUNDREDS,
    policy: { unused: 0, maxSize: 0, maxCount: 0 },
    expected: ["- c unused 100", "+ a pushed", "+ b pushed"],
  },
  {
    name: "an entry is young for less than an hour",
    entries: [app("a", { used: 60 * MINUTE }), app("b", { used: 60 * MINUTE - 1 })],
    policy: { unused: 0 },
    expected: ["- a unused 0", "+ b young"],
  },
  {
    name: "keep-last counts in each repository, by last use",
    entries: [
      app("a", { used: 9 * DAY }),
      app("b", { used: 8 * DAY }),
      app("c", { used: 7 * DAY }),
      { name: "ghcr.io/acme/other:d", used: 99 * DAY },
      { name: "p:p", type: "package", used: 9 * DAY },
    ],
    policy: { unused: 0, keepLast: 2 },
    expected: [
      "- a unused 0",
      "- p unused 0",
      "+ b keep-last",
      "+ c keep-last",
      "+ d keep-last",
    ],
  },
  {
    name: "keep-last counts the apps and images of a repository together",
    entries: [
      app("a", { used: 9 * DAY }),
      app("b", { used: 8 * DAY, type: "image" }),
      app("c", { used: 7 * DAY }),
    ],
    policy: { unused: 0, keepLast: 2 },
    expected: ["- a unused 0", "+ b keep-last", "+ c keep-last"],
  },
  {
    name: "keep-last of one type counts the entries of that type",
    entries: [
      app("a", { used: 9 * DAY, type: "image" }),
      app("b", { used: 8 * DAY, type: "image" }),
      app("c", { used: 7 * DAY }),
    ],
    policy: { unused: 0, types: { image: { keepLast: 1 } } },
    expected: ["- a unused 0", "- c unused 0", "+ b keep-last"],
  },
  {
    name: "keep-last of a package type counts in its groups",
    entries: [
      { name: "deb/hello:1", type: "package", used: 9 * DAY },
      { name: "deb/hello:2", type: "package", used: 8 * DAY },
    ],
    policy: { unused: 0, types: { package: { keepLast: 1 } } },
    expected: ["- 1 unused 0", "+ 2 keep-last"],
  },
  {
    name: "unused does not free content in use",
    entries: THREE,
    contents: HUNDREDS,
    policy: { unused: 0 },
    facts: { inUse: { ...NOTHING_IN_USE, contentIds: new Set([0]) } },
    expected: ["- a unused 0", "- b unused 100", "- c unused 100"],
  },
];

for (const { name, entries, contents, policy, facts, disk, expected } of cases) {
  Deno.test(`selectEvictions: ${name}`, () => {
    const selection = selectEvictions(
      fakeSnapshot(entries, contents),
      policy,
      fakeFacts(facts),
      { disk },
      NONE_UNREFERENCED,
    );
    assert.deepEqual(summary(selection), expected);
  });
}

Deno.test("selectEvictions gives every reason in words", () => {
  const entries = [
    app("old", { used: 45 * DAY }),
    app("big", { used: 20 * DAY, needs: ["a"] }),
    app("pinned", { pin: { pattern: "ghcr.io/*", note: "ours" } }),
    app("young", { used: 5 * MINUTE }),
    { name: "ghcr.io/acme/other:last" },
    app("broken", { problem: "its manifest is missing" }),
  ];
  const snapshot = fakeSnapshot(entries, { a: 2048 });
  const policy = { unused: 40 * DAY, maxSize: 1024, keepLast: 1 };
  const { decisions } = selectEvictions(
    snapshot,
    policy,
    fakeFacts(),
    {},
    NONE_UNREFERENCED,
  );
  const reasons = decisions.map(({ entry, why }) => [entry.name.split(":")[1], why]);
  assert.deepEqual(Object.fromEntries(reasons), {
    old: "unused for 45d; the limit is 40d",
    big: "least recently used; the limit is 1 KiB",
    pinned: "pinned by ghcr.io/*: ours",
    young: "last used 5m ago; entries are kept for 1h after a use",
    last: "the last used of ghcr.io/acme/other",
    broken: "its manifest is missing",
  });
});

Deno.test("selectEvictions reports a limit that cannot be reached, with what prevents it", () => {
  const entries = [
    app("a", { used: 9 * DAY, needs: ["a"] }),
    app("b", { pin: {}, needs: ["b", "shared"] }),
    app("c", { pin: {}, needs: ["c", "shared"] }),
    app("d", { used: MINUTE, needs: ["d"] }),
  ];
  const contents = { ...HUNDREDS, shared: 1000, d: 10, orphan: [7, MINUTE] as const };
  const { shortfalls } = selectEvictions(
    fakeSnapshot(entries, contents),
    { maxSize: 500 },
    fakeFacts(),
    {},
    NONE_UNREFERENCED,
  );
  assert.deepEqual(shortfalls, [{
    rule: "max-size",
    type: undefined,
    limit: 500,
    missing: 717,
    kept: [
      { rule: "pinned", entries: 2, bytes: 1200 },
      { rule: "young", entries: 1, bytes: 10 },
      { rule: "young", entries: 0, bytes: 7 },
    ],
  }]);
});

for (
  const [name, policy, partials, entries] of [
    ["a max-size that the oldest satisfies", { maxSize: 320 }, [50], []],
    ["a max-size that all satisfy", { maxSize: 300 }, [50, 20], []],
    ["a max-size that needs an entry too", { maxSize: 299 }, [50, 20], ["- a max-size 100"]],
    ["min-free", { minFree: { bytes: 510 } }, [50], []],
    ["no limit of size", { unused: 3 * DAY }, [], ["- a unused 100"]],
    ["no limit but a type's max-size", { types: { app: { maxSize: 200 } } }, [], [
      "- a max-size 100",
    ]],
  ] as const
) {
  Deno.test(`selectEvictions evicts downloads before entries for ${name}`, () => {
    const snapshot = withPartials(fakeSnapshot(THREE, HUNDREDS), [[20, 2 * 60 * MINUTE], [
      50,
      DAY,
    ]]);
    const selection = selectEvictions(
      snapshot,
      policy,
      fakeFacts(),
      { disk: DISK },
      NONE_UNREFERENCED,
    );
    assert.deepEqual(selection.partials.map(({ size }) => size), partials);
    assert.deepEqual(summary(selection).filter((line) => line.startsWith("-")), entries);
  });
}

Deno.test("selectEvictions evicts no download twice, and reports young ones in a shortfall", () => {
  const snapshot = withPartials(fakeSnapshot([app("a", { pin: {} })]), [[20, MINUTE], [
    50,
    8 * DAY,
  ]]);
  const old = snapshot.partials.filter(({ size }) => size === 50);
  const unreferenced = { partials: old, rubbish: [], bytes: 50 };
  const { partials, shortfalls } = selectEvictions(
    snapshot,
    { maxSize: 0 },
    fakeFacts(),
    {},
    unreferenced,
  );
  assert.deepEqual(partials, []);
  assert.deepEqual(shortfalls.map(({ missing, kept }) => ({ missing, kept })), [{
    missing: 20,
    kept: [{ rule: "pinned", entries: 1, bytes: 0 }, { rule: "young", entries: 0, bytes: 20 }],
  }]);
});

Deno.test("selectEvictions reports shortfalls of max-count and of types", () => {
  const entries = [
    app("a", { pin: {}, needs: ["a"] }),
    app("b", { pin: {}, needs: ["b"] }),
    { name: "p:p", type: "package", pin: {}, needs: ["c"] } as const,
  ];
  const policy = { maxCount: 2, types: { app: { maxSize: 150 }, package: { maxCount: 0 } } };
  const { shortfalls } = selectEvictions(
    fakeSnapshot(entries, HUNDREDS),
    policy,
    fakeFacts(),
    {},
    NONE_UNREFERENCED,
  );
  assert.deepEqual(
    shortfalls.map(({ rule, type, missing, kept }) => ({ rule, type, missing, kept })),
    [
      {
        rule: "max-count",
        type: "package",
        missing: 1,
        kept: [{ rule: "pinned", entries: 1, bytes: 100 }],
      },
      {
        rule: "max-count",
        type: undefined,
        missing: 1,
        kept: [{ rule: "pinned", entries: 3, bytes: 300 }],
      },
      {
        rule: "max-size",
        type: "app",
        missing: 50,
        kept: [{ rule: "pinned", entries: 2, bytes: 200 }],
      },
    ],
  );
});

Deno.test("selectRequested removes the requested entries that are neither pinned nor in use", () => {
  const entries = [
    app("a", { used: MINUTE, needs: ["a", "shared"] }),
    app("b", { pin: {}, needs: ["b"] }),
    app("c", { needs: ["c"] }),
    app("d", { needs: ["shared"] }),
  ];
  const snapshot = fakeSnapshot(entries, { ...HUNDREDS, shared: 100 });
  const asked = new Set(snapshot.entries.slice(0, 3));
  const ages = { entry: 0, content: 0, orphan: 0, partial: 0 };
  const inUse = {
    folders: new Map([[snapshot.entries[2]!.folder, "x"]]),
    contentIds: new Set<number>(),
    partials: new Set<string>(),
  };
  const facts = fakeFacts({ ages, inUse });
  assert.deepEqual(summary(selectRequested(snapshot, asked, facts, {})), [
    "- a asked 100",
    "+ b pinned",
    "+ c in use",
  ]);
  assert.deepEqual(summary(selectRequested(snapshot, asked, facts, { includePinned: true })), [
    "- a asked 100",
    "- b asked 100",
    "+ c in use",
  ]);
});

Deno.test("min-free counts blocks of the disk, and a file with two names when both are removed", () => {
  const snapshot = fakeSnapshot(
    Array.from({ length: 100 }, (_, i) => app(`${i}`, { used: (200 - i) * DAY, needs: [`${i}`] })),
    Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`${i}`, 50])),
  );
  const evicted = (links?: { inode: string; count: number }) => {
    const contents = snapshot.contents.map((content) => ({
      ...content,
      allocated: 4096,
      state: () => ({ size: 50, allocated: 4096, mtime: 0, links }),
    }));
    const blocks = { ...snapshot, contents };
    const policy = { minFree: { bytes: DISK.free + 10 * 4096 } };
    const { decisions, shortfalls } = selectEvictions(
      blocks,
      policy,
      fakeFacts(),
      { disk: DISK },
      NONE_UNREFERENCED,
    );
    const removed = decisions.filter(({ action }) => action === "remove").length;
    return [removed, shortfalls.length];
  };
  assert.deepEqual(evicted(), [10, 0]);
  assert.deepEqual(evicted({ inode: "1", count: 2 }), [100, 1]);
});

Deno.test("selectEvictions names the scope of a limit unless it is the cache's", () => {
  const snapshot = fakeSnapshot([
    app("a", { used: 9 * DAY, needs: ["a"] }),
    app("b", { used: 8 * DAY, needs: ["b"], type: "package" }),
  ], HUNDREDS);
  const scopes = (policy: GcPolicy) =>
    selectEvictions(snapshot, policy, fakeFacts(), {}, NONE_UNREFERENCED).decisions.flatMap((
      each,
    ) => each.action === "remove" ? [each.scope] : []);
  assert.deepEqual(scopes({ unused: DAY, types: { package: { unused: 2 * DAY } } }), [
    undefined,
    "package",
  ]);
  assert.deepEqual(scopes({ maxCount: 1, types: { package: { maxCount: 0 } } }), ["package"]);
  assert.deepEqual(scopes({ maxSize: 0, types: { package: { maxSize: 1 } } }), [
    "package",
    undefined,
  ]);
  assert.deepEqual(scopes({ maxCount: 0 }), [undefined, undefined]);
  for (const limit of [{ unused: DAY }, { maxCount: 0 }, { maxSize: 0 }]) {
    assert.deepEqual(scopes({ registry: limit }), ["registry"], JSON.stringify(limit));
  }
});

Deno.test("selectEvictions reports shortfalls of the registry scope", () => {
  const snapshot = fakeSnapshot([
    app("a", { pin: {}, needs: ["a", "b"] }),
    app("b", { pin: {}, needs: ["b"], type: "image" }),
    { name: "p:p", type: "package", needs: ["c"] },
  ], HUNDREDS);
  const { shortfalls } = selectEvictions(
    snapshot,
    { registry: { maxSize: 150, maxCount: 1 } },
    fakeFacts(),
    {},
    NONE_UNREFERENCED,
  );
  const kept = [{ rule: "pinned" as const, entries: 2, bytes: 200 }];
  assert.deepEqual(shortfalls, [
    { rule: "max-count", type: "registry", limit: 1, missing: 1, kept },
    { rule: "max-size", type: "registry", limit: 150, missing: 50, kept },
  ]);
});
