import assert from "node:assert/strict";
import { roundedSize } from "../../../../src/cli/commands/stats/stats.ts";
import type { Digest } from "../../../../src/oci/digest.ts";
import { Journal, type JournalEvent, sweepEvent } from "../../../../src/store/journal/journal.ts";
import { Layout } from "../../../../src/store/layout.ts";
import { digestOf, utf8 } from "../../../support/cache/artifacts.ts";
import { DAY, HOUR } from "../../../support/cache/test_cache.ts";
import { TestCacheHome } from "../../../support/cache/test_cache_home.ts";

const MB = 1e6;

function use(home: TestCacheHome, age: number, name: string, isMiss: boolean): JournalEvent {
  return {
    kind: "use",
    at: new Date(home.now - age).toISOString(),
    name,
    digest: digestOf(utf8(name)) as Digest,
    ...(isMiss && { cause: "new" }),
    fetched: isMiss ? 1024 : 0,
    saved: isMiss ? 0 : 2048,
  };
}

/** @param limit a rule, followed by a space and the scope if the limit has one */
function sweep(home: TestCacheHome, age: number, limit: string, ...names: string[]): JournalEvent {
  const [rule, scope] = limit.split(" ") as [string, string | undefined];
  const evicted = names.map((name, i) => ({
    name,
    digest: digestOf(utf8(name)) as Digest,
    rule,
    scope,
    why: "",
    bytes: 100 * MB,
    lastUsed: home.now - 40 * DAY + i * DAY,
  }));
  return sweepEvent({
    at: new Date(home.now - age).toISOString(),
    by: "gc",
    evicted,
    bytes: names.length * 100 * MB,
    entriesLeft: 5,
    bytesLeft: 900 * MB,
    ...scope && { typesLeft: [{ type: scope, entries: 2, bytes: 120 * MB }] },
  });
}

/** Returns a home with these events in its journal. */
function withJournal(events: (home: TestCacheHome) => JournalEvent[]): TestCacheHome {
  const home = new TestCacheHome({ now: Date.now() });
  Deno.mkdirSync(home.registry, { recursive: true });
  new Journal(new Layout(home.registry)).append(events(home));
  return home;
}

Deno.test("stats without a journal says that there are none yet", async () => {
  using home = new TestCacheHome();
  const { code, stdout, stderr } = await home.larder("stats");
  assert.deepEqual([code, stdout], [0, ""]);
  assert.match(stderr, /no statistics yet/);
});

Deno.test("stats sums up hits, misses and bytes", async () => {
  using home = withJournal((home) => [
    use(home, 3 * HOUR, "a", true),
    use(home, 2 * HOUR, "a", false),
    use(home, HOUR, "a", false),
    use(home, HOUR, "b", true),
  ]);
  const { code, stdout } = await home.larder("stats");
  assert.equal(code, 0);
  assert.equal(
    stdout.replace(/\d{4}-.*/, "<since>"),
    `SINCE      <since>
HITS       2 (50%)
MISSES     2: 2 new
FETCHED    2.00 KiB
SAVED      4.00 KiB
EVICTED    0 entries, 0 B
REFETCHED  none
`,
  );
});

Deno.test("stats lists entries that were evicted too early, with a limit that would have kept them", async (t) => {
  const cases: [string, string][] = [
    [
      "max-size",
      "a limit of at least 1.1GB would have kept them: larder config set gc.max_size 1.1GB",
    ],
    [
      "max-count",
      "a limit of at least 7 entries would have kept them: larder config set gc.max_count 7",
    ],
    ["unused", "a limit of at least 38d would have kept them: larder config set gc.unused 38d"],
    [
      "max-size package",
      "a limit of at least 320MB for the type package would have kept them: larder config set storage.package_cache.max_size_gb 0.32",
    ],
    [
      "max-count build",
      "a limit of at least 4 entries for the type build would have kept them: larder config set storage.image_cache.max_count 4",
    ],
    [
      "unused image",
      "a limit of at least 38d for the type image would have kept them: larder gc --unused image=38d",
    ],
    [
      "unused registry",
      "a limit of at least 38d for apps and images from registries would have kept them: larder config set storage.registry_cache.retention_days 38",
    ],
    [
      "max-size compiled",
      "a limit of at least 320MB for the type compiled would have kept them: larder gc --max-size compiled=320MB",
    ],
    [
      "min-free",
      "the disk was 190.73 MiB too small to keep them: lower gc.min_free, or move the cache",
    ],
  ];
  for (const [rule, advice] of cases) {
    await t.step(rule, async () => {
      using home = withJournal((home) => [
        sweep(home, 2 * DAY, rule, "old", "wanted", "other"),
        use(home, DAY, "wanted", true),
      ]);
      const { stdout } = await home.larder("stats");
      assert.match(
        stdout,
        /^EVICTED +3 entries, 286\.10 MiB\nREFETCHED +1 entry, 95\.37 MiB, within a week/m,
      );
      assert.match(
        stdout,
        new RegExp(`^wanted +${rule.split(" ")[0]} +\\S+ \\S+ +1d later +95\\.37 MiB$`, "m"),
      );
      assert.ok(stdout.endsWith(`\n\n${advice}\n`), stdout);
    });
  }
});

Deno.test("stats advises commands that succeed", async () => {
  using home = withJournal((home) => [
    sweep(home, 2 * DAY, "max-size", "a"),
    sweep(home, 2 * DAY, "max-count", "b"),
    sweep(home, 2 * DAY, "unused", "c"),
    sweep(home, 2 * DAY, "max-size package", "d"),
    sweep(home, 2 * DAY, "max-count build", "e"),
    sweep(home, 2 * DAY, "unused app", "f"),
    sweep(home, 2 * DAY, "max-count compiled", "g"),
    ...["a", "b", "c", "d", "e", "f", "g"].map((name) => use(home, DAY, name, true)),
  ]);
  const { stdout } = await home.larder("stats");
  const commands = [...stdout.matchAll(/: larder (.*)$/gm)].map(([, command]) => command!);
  assert.equal(commands.length, 7);
  for (const command of commands) {
    const { code, stderr } = await home.larder(...command.split(" "));
    assert.equal(code, 0, stderr);
  }
});

Deno.test("stats --format json has every figure, with ISO times", async () => {
  using home = withJournal((home) => [
    sweep(home, 2 * DAY, "unused", "wanted"),
    use(home, DAY, "wanted", true),
  ]);
  const { stdout } = await home.larder("stats", "--format", "json");
  const time = (age: number) => new Date(home.now - age).toISOString();
  assert.deepEqual(JSON.parse(stdout), {
    since: time(2 * DAY),
    hits: 0,
    misses: 1,
    causes: { new: 1 },
    fetched: 1024,
    shared: 0,
    saved: 0,
    pushes: 0,
    evictions: { entries: 1, bytes: 100 * MB },
    regrets: [{
      name: "wanted",
      rule: "unused",
      bytes: 100 * MB,
      lastUsed: time(40 * DAY),
      evictedAt: time(2 * DAY),
      fetchedAt: time(DAY),
    }],
    advice: [{ rule: "unused", atLeast: 39 * DAY }],
  });
  using empty = new TestCacheHome();
  const { stdout: nothing } = await empty.larder("stats", "--format", "json");
  assert.equal(JSON.parse(nothing).since, null);
});

Deno.test("roundedSize rounds up to two significant digits and a unit", () => {
  const cases: [number, string][] = [
    [0, "0.1MB"],
    [1, "0.1MB"],
    [1_234_567, "1.3MB"],
    [999_999_999, "1000MB"],
    [1_000_000_000, "1GB"],
    [1_100_000_000, "1.1GB"],
    [12_300_000_000, "13GB"],
    [123_400_000_000, "130GB"],
  ];
  for (const [bytes, text] of cases) assert.equal(roundedSize(bytes), text);
});
