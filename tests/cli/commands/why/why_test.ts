import assert from "node:assert/strict";
import { join } from "node:path";
import { eventText } from "../../../../src/cli/commands/why/text.ts";
import { packageName } from "../../../../src/store/entries/package_record.ts";
import { Journal, type JournalEvent, sweepEvent } from "../../../../src/store/journal/journal.ts";
import { Layout } from "../../../../src/store/layout.ts";
import type { Digest } from "../../../../src/oci/digest.ts";
import { blob, image, randomBytes } from "../../../support/cache/artifacts.ts";
import { takeLease } from "../../../support/cache/take_lease.ts";
import { DAY, HOUR } from "../../../support/cache/test_cache.ts";
import { TestCacheHome } from "../../../support/cache/test_cache_home.ts";

const SHARED = blob(randomBytes(10_000, "shared"));
const ONE = image([SHARED, "one"]);
const TWO = image([SHARED, "two"]);
const NAME = "ghcr.io/acme/app:v1";

function filled(): TestCacheHome {
  const home = new TestCacheHome({ now: Date.now() });
  home.pulled(NAME, ONE, { used: 10 * DAY });
  home.pulled("ghcr.io/acme/app:v2", TWO, { used: 5 * DAY });
  return home;
}

function config(home: TestCacheHome, text: string): void {
  const folder = join(home.path, ".config/larder");
  Deno.mkdirSync(folder, { recursive: true });
  Deno.writeTextFileSync(join(folder, "config.yaml"), text);
}

function journal(home: TestCacheHome, ...events: JournalEvent[]): void {
  new Journal(new Layout(home.registry)).append(events);
}

function sweep(home: TestCacheHome, name = NAME): JournalEvent {
  const digest = ONE.descriptor.digest as Digest;
  return sweepEvent({
    at: new Date(home.now - DAY).toISOString(),
    by: "gc --auto",
    evicted: [{ name, digest, rule: "unused", why: "unused for 31d", bytes: 1, lastUsed: 0 }],
    bytes: 1,
    entriesLeft: 2,
    bytesLeft: 100,
  });
}

function use(home: TestCacheHome, age: number, cause?: "new" | "moved"): JournalEvent {
  const at = new Date(home.now - age).toISOString();
  const digest = ONE.descriptor.digest as Digest;
  return { kind: "use", at, name: NAME, digest, ...(cause && { cause }), fetched: 2048, saved: 1 };
}

/** Returns the value behind a label. */
function line(text: string, label: string): string | undefined {
  return text.split("\n").find((each) => each.trimStart().startsWith(label))?.trimStart()
    .slice(label.length).trim();
}

Deno.test("why does not speak of tags where a package was replaced", () => {
  const name = packageName({ source: "mirror/debian", name: "hello", version: "2", arch: "all" });
  const because = { cause: "moved", from: ONE.descriptor.digest as Digest } as const;
  const event = {
    at: 0,
    name,
    digest: TWO.descriptor.digest as Digest,
    bytes: 2048,
    because,
  } as const;
  assert.match(
    eventText({ kind: "fetched", ...event }),
    /^fetched 2.00 KiB: it replaced [0-9a-f]{12}$/,
  );
});

Deno.test("why of an entry that nothing keeps says that no limit is set", async () => {
  using home = filled();
  const { code, stdout, stderr } = await home.larder("why", NAME);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.equal(line(stdout, "NAME"), NAME);
  assert.equal(line(stdout, "KEPT BY"), "nothing");
  assert.equal(line(stdout, "GC"), "will not remove it: no limit is set");
});

Deno.test("why says when and by which rule gc would remove an entry", async (t) => {
  const cases: [string, string, string, RegExp][] = [
    ["now", "gc: { unused: 7d }", "app:v1", /^will remove it now: unused for 10d; .*\(unused\)$/],
    [
      "later",
      "gc: { unused: 30d }",
      "app:v1",
      /^will remove it on \S+ \S+ unless it is used before then$/,
    ],
    [
      "by size",
      "gc: { max_size: 1MB }",
      "app:v1",
      /^will remove it after another [\d.]+ KiB are pulled \(max-size\)$/,
    ],
    [
      "by number",
      "gc: { max_count: 3 }",
      "app:v1",
      /^will remove it after another 2 entries are pulled \(max-count\)$/,
    ],
    [
      "by either",
      "gc: { max_count: 3, unused: 30d }",
      "app:v2",
      /^will remove it on .* before then, or after another 3 entries/,
    ],
  ];
  for (const [name, text, tag, expected] of cases) {
    await t.step(name, async () => {
      using home = filled();
      config(home, text);
      const { stdout } = await home.larder("why", `ghcr.io/acme/${tag}`);
      assert.match(line(stdout, "GC")!, expected);
    });
  }
});

Deno.test("why names the pin, the process or the recent use that keeps an entry", async () => {
  using home = filled();
  config(home, "gc: { unused: 1h }");
  home.pin(home.pulled("ghcr.io/acme/app:pinned", ONE, { used: DAY }), "for the demo");
  home.write("pins.json", { schemaVersion: 1, pins: [{ pattern: "*:v2" }] });
  home.pulled("ghcr.io/acme/app:young", ONE, { used: HOUR / 2 });
  const folder = home.pulled("ghcr.io/acme/app:used", ONE, { used: DAY });
  using _lease = await takeLease(new Layout(home.registry), "larder run it", { folders: [folder] });
  const keptBy = async (tag: string) =>
    line((await home.larder("why", `ghcr.io/acme/app:${tag}`)).stdout, "KEPT BY");
  assert.equal(await keptBy("pinned"), "pinned: for the demo");
  assert.equal(await keptBy("v2"), "pinned by *:v2");
  assert.equal(await keptBy("used"), `in use by larder run it (process ${Deno.pid})`);
  assert.match(
    (await keptBy("young"))!,
    /^last used 30m( \d+s)? ago; entries are kept for 1h after a use$/,
  );
  const { stdout } = await home.larder("why", "ghcr.io/acme/app:pinned");
  assert.equal(line(stdout, "GC"), "will not remove it while it is pinned");
});

Deno.test("why of a blob prints the path from each entry that needs it, pinned ones first", async () => {
  using home = filled();
  home.write("pins.json", { schemaVersion: 1, pins: [{ pattern: "*:v2" }] });
  const { stdout } = await home.larder("why", SHARED.descriptor.digest.slice(0, 30));
  assert.equal(line(stdout, "NEEDED BY"), "2 entries");
  const [, first, second] = stdout.split("\n\n");
  assert.match(
    first!,
    /^ghcr\.io\/acme\/app:v2\n {2}manifest [0-9a-f]{12}\n {4}layer [0-9a-f]{12} /,
  );
  assert.match(first!, /kept by: pinned by \*:v2/);
  assert.match(second!, /^ghcr\.io\/acme\/app:v1\n/);
});

Deno.test("why of a young unreferenced blob tells when gc will remove it", async () => {
  using home = filled();
  const orphan = blob("unreferenced");
  home.blobs([orphan], home.now - Date.now() + HOUR / 2);
  const { stdout } = await home.larder("why", orphan.descriptor.digest);
  assert.match(
    line(stdout, "GC")!,
    /^will remove it from \d{4}-\d\d-\d\d \d\d:\d\d:\d\d on: nothing needs it, but it is younger than an hour$/,
  );
  const json = await home.larder("why", orphan.descriptor.digest, "--format", "json");
  const { removableAt } = JSON.parse(json.stdout);
  assert.ok(Date.parse(removableAt) > Date.now());
});

Deno.test("why of an unreferenced blob says that gc will remove it", async () => {
  using home = filled();
  const orphan = blob("unreferenced");
  home.blobs([orphan], DAY);
  const { stdout } = await home.larder("why", orphan.descriptor.digest);
  assert.equal(line(stdout, "NEEDED BY"), "0 entries");
  assert.equal(
    line(stdout, "GC"),
    "will remove it now: nothing needs it",
  );
});

Deno.test("why prints the history with the reason of each fetch", async () => {
  using home = filled();
  journal(home, use(home, 5 * DAY, "new"), sweep(home), use(home, HOUR, "new"), use(home, 0));
  const { stdout } = await home.larder("why", NAME);
  const events = stdout.split("\n").filter((each) => /^\d{4}-/.test(each)).map((each) =>
    each.slice(21)
  );
  assert.deepEqual(events, [
    "fetched 2.00 KiB: pulled for the first time",
    "removed by larder gc --auto: unused for 31d (unused)",
    "fetched 2.00 KiB: larder gc --auto had removed it 23h before",
    "used from the cache",
  ]);
});

Deno.test("why keeps the reason of a fetch in sight after many uses", async () => {
  using home = filled();
  const uses = Array.from({ length: 13 }, (_, i) => use(home, (20 - i) * HOUR));
  journal(home, use(home, 5 * DAY, "new"), ...uses);
  const { stdout } = await home.larder("why", NAME);
  assert.match(stdout, /fetched 2\.00 KiB: pulled for the first time$/m);
  assert.match(stdout, /used from the cache 13 times, last \d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/m);
  const json = JSON.parse((await home.larder("why", NAME, "--format", "json")).stdout);
  assert.deepEqual(json.history.map(({ text: _, ...each }: Record<string, unknown>) => each)[1], {
    kind: "hit",
    at: new Date(home.now - 20 * HOUR).toISOString(),
    name: NAME,
    digest: ONE.descriptor.digest,
    uses: 13,
    last: new Date(home.now - 8 * HOUR).toISOString(),
  });
});

Deno.test("why prints the history of an entry that is no longer cached", async (t) => {
  using home = filled();
  journal(home, sweep(home, "docker.io/library/nginx:latest"));
  for (const name of ["nginx", "docker.io/library/nginx:latest"]) {
    await t.step(name, async () => {
      const { code, stdout } = await home.larder("why", name);
      assert.equal(code, 0);
      assert.match(stdout, /is not in the cache\n\nWHEN +EVENT\n.*removed by larder gc --auto/);
    });
  }
});

Deno.test("why of an unknown name is exit 3", async () => {
  using home = filled();
  const { code, stderr } = await home.larder("why", "ghcr.io/acme/app:v3");
  assert.equal(code, 3);
  assert.match(stderr, /LDR_NOT_CACHED.*\nhint: did you mean/);
});

Deno.test("why of an ambiguous name is exit 2 with the candidates", async () => {
  using home = filled();
  const { code, stderr } = await home.larder("why", "ghcr.io/acme/app");
  assert.equal(code, 2);
  assert.match(stderr, /app:v1\n.*app:v2/);
});

Deno.test("why --format json has every field", async (t) => {
  using home = filled();
  config(home, "gc: { unused: 30d, max_size: 1MB }");
  journal(home, use(home, HOUR, "moved"));
  await t.step("of an entry", async () => {
    const { stdout } = await home.larder("why", NAME, "--format", "json");
    const { gc, history, ...rest } = JSON.parse(stdout);
    assert.deepEqual(rest, {
      type: "image",
      name: NAME,
      isCached: true,
      lastUsed: new Date(home.now - 10 * DAY).toISOString(),
      problem: null,
      pin: null,
      usedBy: null,
    });
    assert.deepEqual([gc.action, gc.rule, gc.isLimited], ["keep", "within limits", true]);
    assert.deepEqual(gc.prospects[0], {
      rule: "unused",
      at: new Date(home.now + 20 * DAY).toISOString(),
    });
    assert.equal(gc.prospects[1].rule, "max-size");
    assert.deepEqual(history, [{
      kind: "fetched",
      at: new Date(home.now - HOUR).toISOString(),
      name: NAME,
      digest: ONE.descriptor.digest,
      bytes: 2048,
      because: "moved",
      text: "fetched 2.00 KiB: the tag had moved",
    }]);
  });
  await t.step("of content", async () => {
    const { digest } = SHARED.descriptor;
    const { stdout } = await home.larder("why", digest, "--format", "json");
    const { neededBy, files, inUse } = JSON.parse(stdout);
    assert.deepEqual(files, [{ path: join(home.registry, "data", digest), size: 10_000 }]);
    assert.equal(inUse, false);
    assert.deepEqual(neededBy.map(({ name }: { name: string }) => name), [
      NAME,
      "ghcr.io/acme/app:v2",
    ]);
    assert.deepEqual(
      neededBy[0].chain.map(({ kind }: { kind: string }) => kind),
      ["manifest", "layer"],
    );
  });
  await t.step("of an entry that is no longer cached", async () => {
    journal(home, sweep(home, "ghcr.io/acme/gone:v1"));
    const { stdout } = await home.larder("why", "ghcr.io/acme/gone:v1", "--format", "json");
    const { name, isCached, history } = JSON.parse(stdout);
    assert.deepEqual([name, isCached, history.length], ["ghcr.io/acme/gone:v1", false, 1]);
  });
});

Deno.test("why of a spec that is not there says that there is no such file", async () => {
  using home = filled();
  for (const name of ["nosuch.yaml", "./project/nosuch.yml", "nosuch.json"]) {
    const { code, stderr } = await home.larder("why", name);
    assert.equal(code, 3);
    const message = `there is no file ${name}, and nothing in the cache has that name`;
    assert.equal(stderr, `error: ${message} [LDR_NOT_FOUND]\nhint: check the path of the spec\n`);
  }
});
