import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { hasCode } from "../../../src/base/errors.ts";
import { applyPlan } from "../../../src/gc/sweep/apply.ts";
import type { Plan } from "../../../src/gc/plan.ts";
import type { SweepResult } from "../../../src/gc/sweep/sweep.ts";
import { asDigest } from "../../../src/oci/digest.ts";
import { Journal } from "../../../src/store/journal/journal.ts";
import { Layout } from "../../../src/store/layout.ts";
import type { LeaseRequest } from "../../../src/store/locks/leases.ts";
import { withSharedLock } from "../../../src/store/locks/store_lock.ts";
import { image, multiPlatform } from "../../support/cache/artifacts.ts";
import { DAY, HOUR, relativePathOf, TestCache } from "../../support/cache/test_cache.ts";
import { clearPlan, gcPlan } from "../../support/cache/plans.ts";
import { run } from "../../support/cli/commands.ts";
import { Gate } from "../../support/gate.ts";
import { MountedFolder, mountTest } from "../../support/cli/mounts.ts";
import { spinApp } from "../../support/cache/spin_apps.ts";
import { takeLease } from "../../support/cache/take_lease.ts";
import {
  assertNoStrayFiles,
  assertStoreSound,
  filesBelow,
} from "../../support/cache/store_check.ts";

const ONE = image(["one layer", "shared"]);
const TWO = image(["another layer", "shared"]);
const OLD = { used: 40 * DAY };
const UNUSED = { unused: 30 * DAY };

class SweptCache extends TestCache {
  readonly layout = new Layout(this.registry);

  gc(policy = {}): Promise<Plan> {
    return gcPlan(this.layout, this.now, policy);
  }

  clear(): Promise<Plan> {
    return clearPlan(this.layout, this.now);
  }

  apply(plan: Plan): Promise<SweepResult> {
    return applyPlan(this.layout, plan, { now: () => this.now, by: "a test" });
  }

  /** Files relative to the registry, without locks and the journal. */
  files(): string[] {
    return filesBelow(this.registry).map((path) => path.slice(this.registry.length + 1))
      .filter((path) => !["lock", "gate", "journal.jsonl"].includes(path));
  }

  has(path: string): boolean {
    return this.files().includes(path);
  }
}

/** Applies a plan and asserts that it frees on disk what it reports. */
async function applied(cache: SweptCache, plan: Plan): Promise<SweepResult> {
  const before = cache.size();
  const result = await cache.apply(plan);
  assert.equal(result.freed, before - cache.size());
  return result;
}

Deno.test("sweep removes what was planned and nothing else", async () => {
  using cache = new SweptCache();
  cache.pulled("ghcr.io/acme/app:v1", ONE, OLD);
  const before = cache.files();
  cache.pulled("ghcr.io/acme/app:v2", TWO, OLD);
  cache.pulled("ghcr.io/acme/app:v2", TWO, { used: DAY, written: 40 * DAY });
  const plan = await cache.gc(UNUSED);
  const result = await applied(cache, plan);
  assert.equal(result.freed, plan.bytes);
  assert.deepEqual(result.skipped, []);
  assert.deepEqual(result.entries, plan.remove.entries);
  const shared = relativePathOf(TWO.blobs[2]!);
  assert.deepEqual(before.filter((path) => cache.has(path)), [shared]);
  assertStoreSound(cache.registry);
  assertNoStrayFiles(cache.registry);
});

Deno.test("sweep counts the actual size of a truncated config", async () => {
  using cache = new SweptCache();
  const folder = cache.pulled("ghcr.io/acme/app:v1", ONE, OLD);
  Deno.truncateSync(join(folder, "config.json"), 1);
  const { entries } = await applied(cache, await cache.gc(UNUSED));
  assert.equal(entries.length, 1);
});

Deno.test("sweep of everything keeps the trees and leaves no folder in those of entries", async () => {
  using cache = new SweptCache();
  cache.pulled("ghcr.io/acme/app:v1", multiPlatform("linux/amd64", "linux/arm64"));
  cache.pulledBySpin("ghcr.io/acme/hello:v1", await spinApp({ archived: { "a.txt": "packed" } }));
  cache.package("debian/hello/2.10/amd64", ONE.blobs[1]!);
  cache.build("edge", TWO.descriptor.digest, TWO.blobs[1]!);
  cache.build("core", ONE.descriptor.digest, TWO.blobs[1]!, {}, "images");
  cache.compiled(ONE.descriptor.digest, "jco-1", [ONE.blobs[2]!]);
  cache.write(`partial/${ONE.descriptor.digest}`, "half");
  Deno.mkdirSync(join(cache.registry, "manifests/ghcr.io/acme/gone/v1"), { recursive: true });
  const plan = await cache.clear();
  const result = await applied(cache, plan);
  assert.equal(result.freed, plan.bytes);
  assert.deepEqual(cache.files(), []);
  for (const tree of ["manifests", "packages", "builds", "images", "compiled"]) {
    assert.deepEqual([...Deno.readDirSync(join(cache.registry, tree))], [], tree);
  }
});

Deno.test("sweep removes the record of a pulled digest and keeps content that a tag needs", async () => {
  using cache = new SweptCache();
  cache.pulled("ghcr.io/acme/app:v1", ONE, { used: DAY, written: 40 * DAY });
  const before = cache.files();
  cache.pulledByDigest("ghcr.io/acme/app", ONE, OLD);
  await applied(cache, await cache.gc(UNUSED));
  assert.deepEqual(cache.files(), before);
  assertStoreSound(cache.registry);
});

Deno.test("sweep removes a manifest that nothing references once it is not young", async () => {
  using cache = new SweptCache();
  cache.content("manifests/ghcr.io/acme/app", ONE, 2 * HOUR);
  cache.content("manifests/ghcr.io/acme/app", TWO, HOUR / 2);
  await applied(cache, await cache.gc());
  const { digest } = TWO.descriptor;
  const left = cache.files().filter((path) => path.startsWith("manifests"));
  assert.deepEqual(
    left,
    ["config.json", "manifest.json"].map((name) => `manifests/ghcr.io/acme/app/${digest}/${name}`),
  );
});

Deno.test("sweep of an applied plan removes nothing", async () => {
  using cache = new SweptCache();
  cache.pulled("ghcr.io/acme/app:v1", ONE, OLD);
  const plan = await cache.gc(UNUSED);
  await cache.apply(plan);
  assert.deepEqual(await cache.apply(plan), {
    freed: 0,
    entries: [],
    files: 0,
    entriesLeft: 0,
    bytesLeft: 0,
    typesLeft: [],
    skipped: [],
  });
  assert.equal((await cache.gc(UNUSED)).bytes, 0);
});

/** Changes between the plan and the sweep, and the reason to keep the entry. */
const changes: readonly [
  name: string,
  why: RegExp,
  change: (cache: SweptCache, folder: string) => void | Disposable | Promise<void | Disposable>,
][] = [
  ["was used", /used since/, (cache, folder) => cache.age(join(folder, "record.json"), 1)],
  ["was pinned", /pinned/, (cache) => {
    cache.write("manifests/ghcr.io/acme/app/v1/pin.json", { note: "mine" });
  }],
  ["was pinned by a pattern", /pinned by ghcr/, (cache) => {
    cache.write("pins.json", { schemaVersion: 1, pins: [{ pattern: "ghcr.io/acme/*" }] });
  }],
  ["moved", /changed since/, (cache) => {
    cache.pulled("ghcr.io/acme/app:v1", TWO, OLD);
    cache.pulledByDigest("ghcr.io/acme/app", ONE, OLD);
  }],
  ["was leased", /in use by a test/, (cache, folder) => lease(cache, [folder])],
];

async function lease(
  cache: SweptCache,
  folders: string[],
  digests: string[] = [],
): Promise<Disposable> {
  const use: LeaseRequest = { folders, digests: digests.map((digest) => asDigest(digest)!) };
  return await takeLease(cache.layout, "a test", use);
}

for (const [name, why, change] of changes) {
  Deno.test(`sweep keeps an entry that ${name} after the plan was made, with its content`, async () => {
    using cache = new SweptCache();
    const folder = cache.pulled("ghcr.io/acme/app:v1", ONE, OLD);
    const before = cache.files();
    const plan = await cache.gc(UNUSED);
    using _ = (await change(cache, folder)) ?? { [Symbol.dispose]: () => {} };
    const { skipped, entries, freed } = await applied(cache, plan);
    assert.deepEqual([entries, freed], [[], 0]);
    assert.equal(skipped[0]?.name, "ghcr.io/acme/app:v1");
    assert.match(skipped[0]!.why, why);
    assert.deepEqual(before.filter((path) => !cache.has(path)), []);
  });
}

Deno.test("sweep keeps content that a new entry needs or that was written again", async () => {
  using cache = new SweptCache();
  cache.pulled("ghcr.io/acme/app:v1", ONE, OLD);
  const plan = await cache.gc(UNUSED);
  cache.pulled("ghcr.io/acme/other:v1", image(["shared"]), OLD);
  const layer = relativePathOf(ONE.blobs[1]!);
  cache.age(join(cache.registry, layer), DAY);
  const { skipped } = await applied(cache, plan);
  assert.deepEqual(
    Object.fromEntries(skipped.map(({ name, why }) => [name, why])),
    {
      [layer]: "written since the plan was made",
      [relativePathOf(ONE.blobs[2]!)]: "a kept entry needs it",
    },
  );
  assertStoreSound(cache.registry);
});

Deno.test("sweep keeps downloads and rubbish that were written since", async () => {
  using cache = new SweptCache();
  const partial = cache.write(`partial/${ONE.descriptor.digest}`, "half", 8 * DAY);
  const rubbish = cache.write("manifests/ghcr.io/acme/app/v1/config.json", "x", DAY);
  const plan = await cache.gc();
  cache.age(partial, 0);
  cache.age(rubbish, 0);
  const { skipped } = await applied(cache, plan);
  assert.deepEqual(skipped.map(({ why }) => why), [
    "written since the plan was made",
    "written since the plan was made",
  ]);
});

Deno.test("sweep keeps leased blobs of a tag that has moved", async () => {
  using cache = new SweptCache();
  cache.pulled("ghcr.io/acme/app:v1", ONE, OLD);
  cache.pulled("ghcr.io/acme/app:v1", TWO, { used: DAY, written: 40 * DAY });
  const { digest } = ONE.blobs[1]!.descriptor;
  using _ = await lease(cache, [], [digest]);
  const layers = ONE.blobs.map(relativePathOf);
  await applied(cache, await cache.gc());
  assert.deepEqual(layers.map((path) => cache.has(path)), [false, true, true]);
  await applied(cache, await cache.clear());
  assert.deepEqual(layers.map((path) => cache.has(path)), [false, true, false]);
});

Deno.test("sweep keeps a leased manifest with its platforms and unpacked files", async () => {
  using cache = new SweptCache();
  const app = await spinApp({ archived: { "a.txt": "packed" } });
  const all = multiPlatform("linux/amd64", "linux/arm64");
  cache.content("manifests/ghcr.io/acme/app", app, OLD.used);
  cache.content("manifests/ghcr.io/acme/all", all, OLD.used);
  const packed = image(["packed"]).blobs[1]!;
  cache.blobs([packed], OLD.used);
  const before = cache.files();
  {
    using _ = await lease(cache, [], [app.descriptor.digest, all.descriptor.digest]);
    await applied(cache, await cache.clear());
    assert.deepEqual(cache.files().filter((path) => !path.startsWith("leases")), before);
  }
  await applied(cache, await cache.clear());
  assert.deepEqual(cache.files(), []);
});

Deno.test("sweep never removes foreign files", async () => {
  using cache = new SweptCache();
  cache.pulled("ghcr.io/acme/app:v1", ONE, OLD);
  const foreign = [
    "data/notes.txt",
    "partial/notes.txt",
    "manifests/ghcr.io/acme/app/v1/notes.txt",
    "notes.txt",
  ];
  for (const path of foreign) cache.write(path, "mine", 400 * DAY);
  await applied(cache, await cache.clear());
  assert.deepEqual(cache.files(), foreign.toSorted());
});

Deno.test("sweep ignores planned paths outside the cache", async () => {
  using cache = new SweptCache();
  cache.pulled("ghcr.io/acme/app:v1", ONE, OLD);
  const outside = cache.write("../outside", "mine");
  const { size, mtime } = Deno.statSync(outside);
  const file = { path: "../outside", size, mtime: mtime!.getTime() };
  const plan = await cache.gc();
  const lists = { contents: [file], partials: [file], rubbish: [file] };
  const entry = { ...(await cache.gc(UNUSED)).remove.entries[0]!, path: ".." };
  const result = await cache.apply({ ...plan, remove: { ...lists, entries: [entry] } });
  assert.equal(result.freed, 0);
  assert.ok(Deno.statSync(outside).isFile);
});

Deno.test("sweep keeps planned content that an entry needs", async () => {
  using cache = new SweptCache();
  cache.pulled("ghcr.io/acme/app:v1", ONE, OLD);
  const plan = await cache.gc(UNUSED);
  const before = cache.files();
  const result = await cache.apply({ ...plan, remove: { ...plan.remove, entries: [] } });
  assert.equal(result.freed, 0);
  assert.deepEqual(cache.files(), before);
});

Deno.test("applyPlan adds the removals and their rules to the journal", async () => {
  using cache = new SweptCache();
  cache.pulled("ghcr.io/acme/app:v1", ONE, OLD);
  cache.pulled("ghcr.io/acme/app:v2", TWO, { used: DAY });
  const plan = await cache.gc(UNUSED);
  const { freed } = await cache.apply(plan);
  await cache.apply(await cache.gc(UNUSED));
  const [{ bytes, name, digest, rule, why }] = plan.remove.entries as [
    Plan["remove"]["entries"][0],
  ];
  const evicted = { name, digest, rule, why, bytes, lastUsed: cache.now - OLD.used };
  assert.deepEqual(new Journal(cache.layout).read(), [{
    kind: "sweep",
    at: new Date(cache.now).toISOString(),
    by: "a test",
    evicted: [evicted],
    entries: 1,
    bytes: freed,
    entriesLeft: 1,
    bytesLeft: cache.size(),
  }]);
});

Deno.test("applyPlan adds what is left of a scope whose limit removed something to the journal", async () => {
  using cache = new SweptCache();
  cache.pulled("ghcr.io/acme/app:v1", ONE, OLD);
  cache.pulled("ghcr.io/acme/app:v2", TWO, { used: DAY });
  const file = image(["of a package"]).blobs[1]!;
  cache.package("debian/hello/1/amd64", file, OLD);
  const plan = await cache.gc({ types: { image: { maxCount: 1 } } });
  const { typesLeft } = await cache.apply(plan);
  const size = cache.size() - file.bytes.length -
    Deno.statSync(`${cache.registry}/packages/debian/hello/1/amd64/record.json`).size;
  assert.deepEqual(typesLeft, [{ type: "image", entries: 1, bytes: size }]);
  const [event] = new Journal(cache.layout).read();
  assert.ok(event?.kind === "sweep");
  assert.deepEqual(event.typesLeft, typesLeft);
  assert.deepEqual(event.evicted.map(({ scope }) => scope), ["image"]);
});

Deno.test("applyPlan removes nothing young if the file system has no locks", async () => {
  using cache = new SweptCache();
  cache.pulled("ghcr.io/acme/app:v1", ONE, { used: HOUR / 2 });
  cache.pulled("ghcr.io/acme/app:v2", TWO, OLD);
  const plan = await cache.clear();
  const own = Deno.FsFile.prototype.tryLockSync;
  Deno.FsFile.prototype.tryLockSync = () => {
    throw new Deno.errors.NotSupported("no locks here");
  };
  try {
    const { skipped, entries } = await cache.apply(plan);
    assert.deepEqual(entries.map(({ name }) => name), ["ghcr.io/acme/app:v2"]);
    assert.match(skipped[0]!.why, /kept for 1h/);
  } finally {
    Deno.FsFile.prototype.tryLockSync = own;
  }
  assertStoreSound(cache.registry);
  assert.ok(cache.has("manifests/ghcr.io/acme/app/v1/record.json"));
});

Deno.test("applyPlan waits for writers and sees what they wrote", async () => {
  using cache = new SweptCache();
  const folder = cache.pulled("ghcr.io/acme/app:v1", ONE, OLD);
  const plan = await cache.gc(UNUSED);
  const writing = new Gate();
  const writer = withSharedLock(cache.layout, async () => {
    await writing.pass();
    cache.age(join(folder, "record.json"), 0);
  });
  await writing.reached;
  const sweeping = applyPlan(cache.layout, plan, {
    now: () => cache.now,
    by: "a test",
    waiting: () => writing.open(),
  });
  await writer;
  assert.deepEqual((await sweeping).entries, []);
});

Deno.test("clean removes other entries, but neither an entry of a newer larder nor content", async (t) => {
  const component = ONE.descriptor.digest;
  const kinds: [string, (cache: SweptCache) => string][] = [
    ["a tag", (cache) => cache.pulled("ghcr.io/acme/app:v2", TWO, OLD)],
    ["a digest", (cache) => cache.pulledByDigest("ghcr.io/acme/app", TWO, OLD)],
    ["a package", (cache) => cache.package("debian/hello/1.0/amd64", TWO.blobs[1]!, OLD)],
    ["a build", (cache) => cache.build("disk", component, TWO.blobs[1]!, OLD)],
    ["compiled code", (cache) => cache.compiled(component, "v1", [TWO.blobs[1]!], OLD)],
  ];
  for (const [kind, write] of kinds) {
    await t.step(kind, async () => {
      using cache = new SweptCache();
      const other = cache.pulled("ghcr.io/acme/app:v1", ONE, OLD);
      const folder = write(cache);
      const path = join(folder, "record.json");
      Deno.writeTextFileSync(path, JSON.stringify({ schemaVersion: 2, needs: "more" }));
      cache.age(path, OLD.used);
      const files = cache.files();
      const collected = await cache.apply(await cache.gc({ ...UNUSED, maxSize: 0, maxCount: 0 }));
      assert.deepEqual([collected.entries, cache.files()], [[], files]);
      const { remove, keep } = await cache.clear();
      assert.deepEqual(remove.contents, []);
      assert.deepEqual(keep.map(({ rule, why }) => [rule, why]), [
        ["unknown", "a newer larder wrote its record"],
      ]);
      await cache.apply(await cache.clear());
      const gone = files.filter((file) => !cache.has(file)).map((file) =>
        join(cache.registry, file)
      );
      assert.deepEqual([...new Set(gone.map((file) => dirname(file)))], [other]);
    });
  }
});

Deno.test("applyPlan does not create a cache that was deleted", async () => {
  using cache = new SweptCache();
  cache.pulled("ghcr.io/acme/app:v1", ONE, OLD);
  const plan = await cache.gc(UNUSED);
  Deno.removeSync(cache.registry, { recursive: true });
  assert.equal((await cache.apply(plan)).freed, 0);
  assert.deepEqual([...Deno.readDirSync(cache.path)], []);
});

Deno.test("sweep stops between two deletions if it is interrupted", async () => {
  using cache = new SweptCache();
  for (let i = 0; i < 400; i++) {
    cache.write(`partial/sha256:${i.toString(16).padStart(64, "0")}`, "x");
  }
  const stop = new AbortController();
  stop.abort();
  const sweeping = applyPlan(cache.layout, await cache.clear(), {
    now: () => cache.now,
    by: "a test",
    signal: stop.signal,
  });
  await assert.rejects(sweeping, (error) => hasCode(error, "LDR_INTERRUPTED"));
});

Deno.test("applyPlan that is interrupted reports and records what it has removed", async () => {
  using cache = new SweptCache();
  for (let i = 0; i < 600; i++) cache.pulled(`ghcr.io/acme/app:v${i}`, ONE, OLD);
  const before = cache.size();
  const stop = new AbortController();
  const result = await applyPlan(cache.layout, await cache.gc(UNUSED), {
    now: () => cache.now,
    by: "a test",
    signal: stop.signal,
    swept: (done) => done === 200 && stop.abort(),
  });
  assert.ok(hasCode(result.failure, "LDR_INTERRUPTED"));
  assert.ok(result.entries.length >= 200 && result.entries.length < 500);
  assert.equal(result.entriesLeft, 600 - result.entries.length);
  assert.equal(result.freed, before - cache.size());
  const [event] = new Journal(cache.layout).read();
  assert.ok(event && "evicted" in event);
  assert.equal(event.evicted.length, result.entries.length);
  assertStoreSound(cache.registry);
  await applied(cache, await cache.gc(UNUSED));
  assert.equal(cache.size(), 0);
});

for (const [name, size] of [["bytes", "256k"], ["files, lock or other", "256k,nr_inodes=20"]]) {
  mountTest(`applyPlan frees a disk that has no more ${name}`, async () => {
    await using disk = await MountedFolder.tmpfs(size!);
    using cache = new SweptCache();
    cache.pulled("ghcr.io/acme/app:v1", ONE, OLD);
    const registry = join(disk.path, "registry");
    await run("cp", ["-a", cache.registry, registry]);
    assert.throws(() => {
      for (let i = 0;; i++) Deno.writeFileSync(join(disk.path, `${i}`), new Uint8Array(4096));
    });
    const layout = new Layout(registry);
    const plan = await gcPlan(layout, cache.now, UNUSED);
    const result = await applyPlan(layout, plan, { now: () => cache.now, by: "a test" });
    assert.equal(result.freed, plan.bytes);
    assert.ok(plan.bytes > 0);
  });
}

mountTest(
  "applyPlan fails with LDR_READ_ONLY on a read-only disk and keeps everything",
  async () => {
    using cache = new SweptCache();
    cache.pulled("ghcr.io/acme/app:v1", ONE, OLD);
    for (const name of ["lock", "gate"]) cache.write(name, "");
    await using readOnly = await MountedFolder.readOnly(cache.registry);
    const layout = new Layout(readOnly.path);
    const plan = await gcPlan(layout, cache.now, UNUSED);
    assert.ok(plan.bytes > 0);
    const sweeping = applyPlan(layout, plan, { now: () => cache.now, by: "a test" });
    await assert.rejects(sweeping, (error) => hasCode(error, "LDR_READ_ONLY"));
    assert.ok(cache.has("manifests/ghcr.io/acme/app/v1/record.json"));
  },
);
