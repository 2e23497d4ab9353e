import assert from "node:assert/strict";
import { join } from "node:path";
import { hasCode } from "../../src/base/errors.ts";
import { applyPlan } from "../../src/gc/apply.ts";
import type { Plan } from "../../src/gc/plan.ts";
import type { SweepResult } from "../../src/gc/sweep.ts";
import { asDigest } from "../../src/oci/digest.ts";
import { Journal } from "../../src/store/journal/journal.ts";
import { Layout } from "../../src/store/layout.ts";
import { type LeaseRequest, takeLease } from "../../src/store/locks/leases.ts";
import { withSharedLock } from "../../src/store/locks/store_lock.ts";
import { image, multiPlatform } from "../support/cache/artifacts.ts";
import { CacheFolder, DAY, HOUR, relativePathOf } from "../support/cache/cache_folder.ts";
import { clearPlan, gcPlan } from "../support/cache/plans.ts";
import { run } from "../support/cli/commands.ts";
import { Gate } from "../support/gate.ts";
import { MountedFolder, mountTest } from "../support/cli/mounts.ts";
import { spinApp } from "../support/cache/spin_apps.ts";
import { assertNoRubbish, assertStoreSound, filesBelow } from "../support/cache/store_check.ts";

const ONE = image(["one layer", "shared"]);
const TWO = image(["another layer", "shared"]);
const OLD = { used: 40 * DAY };
const UNUSED = { unused: 30 * DAY };

class Bench extends CacheFolder {
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

  /** What is there, relative to the registry, without the files of locks and the journal. */
  files(): string[] {
    return filesBelow(this.registry).map((path) => path.slice(this.registry.length + 1))
      .filter((path) => !["lock", "gate", "journal.jsonl"].includes(path));
  }

  has(path: string): boolean {
    return this.files().includes(path);
  }
}

/** Applies a plan, and sees to it that it frees on the disk what it says. */
async function applied(bench: Bench, plan: Plan): Promise<SweepResult> {
  const before = bench.size();
  const result = await bench.apply(plan);
  assert.equal(result.freed, before - bench.size());
  return result;
}

Deno.test("what was planned goes, and nothing else", async () => {
  using bench = new Bench();
  bench.pulled("ghcr.io/acme/app:v1", ONE, OLD);
  const before = bench.files();
  bench.pulled("ghcr.io/acme/app:v2", TWO, OLD);
  bench.pulled("ghcr.io/acme/app:v2", TWO, { used: DAY, written: 40 * DAY });
  const plan = await bench.gc(UNUSED);
  const result = await applied(bench, plan);
  assert.equal(result.freed, plan.bytes);
  assert.deepEqual(result.skipped, []);
  assert.deepEqual(result.entries, plan.remove.entries);
  const shared = relativePathOf(TWO.blobs[2]!);
  assert.deepEqual(before.filter((path) => bench.has(path)), [shared]);
  assertStoreSound(bench.registry);
  assertNoRubbish(bench.registry);
});

Deno.test("what is freed is what was there, also of a config that was cut short", async () => {
  using bench = new Bench();
  const folder = bench.pulled("ghcr.io/acme/app:v1", ONE, OLD);
  Deno.truncateSync(join(folder, "config.json"), 1);
  const { entries } = await applied(bench, await bench.gc(UNUSED));
  assert.equal(entries.length, 1);
});

Deno.test("a sweep of everything leaves the trees, and no folder below those of entries", async () => {
  using bench = new Bench();
  bench.pulled("ghcr.io/acme/app:v1", multiPlatform("linux/amd64", "linux/arm64"));
  bench.spins("ghcr.io/acme/hello:v1", await spinApp({ archived: { "a.txt": "packed" } }));
  bench.package("debian/hello/2.10/amd64", ONE.blobs[1]!);
  bench.build("edge", TWO.descriptor.digest, TWO.blobs[1]!);
  bench.build("core", ONE.descriptor.digest, TWO.blobs[1]!, {}, "images");
  bench.compiled(ONE.descriptor.digest, "jco-1", [ONE.blobs[2]!]);
  bench.write(`partial/${ONE.descriptor.digest}`, "half");
  Deno.mkdirSync(join(bench.registry, "manifests/ghcr.io/acme/gone/v1"), { recursive: true });
  const plan = await bench.clear();
  const result = await applied(bench, plan);
  assert.equal(result.freed, plan.bytes);
  assert.deepEqual(bench.files(), []);
  for (const tree of ["manifests", "packages", "builds", "images", "compiled"]) {
    assert.deepEqual([...Deno.readDirSync(join(bench.registry, tree))], [], tree);
  }
});

Deno.test("a digest that was asked for is forgotten, and its content stays where a tag needs it", async () => {
  using bench = new Bench();
  bench.pulled("ghcr.io/acme/app:v1", ONE, { used: DAY, written: 40 * DAY });
  const before = bench.files();
  bench.pulledByDigest("ghcr.io/acme/app", ONE, OLD);
  await applied(bench, await bench.gc(UNUSED));
  assert.deepEqual(bench.files(), before);
  assertStoreSound(bench.registry);
});

Deno.test("a digest's folder without a record goes once nothing reaches it and it is not young", async () => {
  using bench = new Bench();
  bench.content("manifests/ghcr.io/acme/app", ONE, 2 * HOUR);
  bench.content("manifests/ghcr.io/acme/app", TWO, HOUR / 2);
  await applied(bench, await bench.gc());
  const { digest } = TWO.descriptor;
  const left = bench.files().filter((path) => path.startsWith("manifests"));
  assert.deepEqual(
    left,
    ["config.json", "manifest.json"].map((name) => `manifests/ghcr.io/acme/app/${digest}/${name}`),
  );
});

Deno.test("sweeping once more does nothing, and says so", async () => {
  using bench = new Bench();
  bench.pulled("ghcr.io/acme/app:v1", ONE, OLD);
  const plan = await bench.gc(UNUSED);
  await bench.apply(plan);
  assert.deepEqual(await bench.apply(plan), {
    freed: 0,
    entries: [],
    files: 0,
    entriesLeft: 0,
    bytesLeft: 0,
    typesLeft: [],
    skipped: [],
  });
  assert.equal((await bench.gc(UNUSED)).bytes, 0);
});

/** Something that happens between the planning and the sweep. */
const changes: readonly [
  name: string,
  why: RegExp,
  change: (bench: Bench, folder: string) => void | Disposable | Promise<void | Disposable>,
][] = [
  ["was used", /used since/, (bench, folder) => bench.age(join(folder, "record.json"), 1)],
  ["was pinned", /pinned/, (bench) => {
    bench.write("manifests/ghcr.io/acme/app/v1/pin.json", { note: "mine" });
  }],
  ["was pinned by a pattern", /pinned by ghcr/, (bench) => {
    bench.write("pins.json", { schemaVersion: 1, pins: [{ pattern: "ghcr.io/acme/*" }] });
  }],
  ["moved on", /changed since/, (bench) => {
    bench.pulled("ghcr.io/acme/app:v1", TWO, OLD);
    bench.pulledByDigest("ghcr.io/acme/app", ONE, OLD);
  }],
  ["was taken into use", /in use by a test/, (bench, folder) => lease(bench, [folder])],
];

async function lease(bench: Bench, folders: string[], digests: string[] = []): Promise<Disposable> {
  const use: LeaseRequest = { folders, digests: digests.map((digest) => asDigest(digest)!) };
  return await takeLease(bench.layout, "a test", use);
}

for (const [name, why, change] of changes) {
  Deno.test(`an entry that ${name} after the planning stays, with all it reaches`, async () => {
    using bench = new Bench();
    const folder = bench.pulled("ghcr.io/acme/app:v1", ONE, OLD);
    const before = bench.files();
    const plan = await bench.gc(UNUSED);
    using _ = (await change(bench, folder)) ?? { [Symbol.dispose]: () => {} };
    const { skipped, entries, freed } = await applied(bench, plan);
    assert.deepEqual([entries, freed], [[], 0]);
    assert.equal(skipped[0]?.name, "ghcr.io/acme/app:v1");
    assert.match(skipped[0]!.why, why);
    assert.deepEqual(before.filter((path) => !bench.has(path)), []);
  });
}

Deno.test("content that a new entry needs, or that was written anew, stays", async () => {
  using bench = new Bench();
  bench.pulled("ghcr.io/acme/app:v1", ONE, OLD);
  const plan = await bench.gc(UNUSED);
  bench.pulled("ghcr.io/acme/other:v1", image(["shared"]), OLD);
  const layer = relativePathOf(ONE.blobs[1]!);
  bench.age(join(bench.registry, layer), DAY);
  const { skipped } = await applied(bench, plan);
  assert.deepEqual(
    Object.fromEntries(skipped.map(({ name, why }) => [name, why])),
    {
      [layer]: "written since the plan was made",
      [relativePathOf(ONE.blobs[2]!)]: "a kept entry needs it",
    },
  );
  assertStoreSound(bench.registry);
});

Deno.test("partial downloads and rubbish that were written since stay", async () => {
  using bench = new Bench();
  const partial = bench.write(`partial/${ONE.descriptor.digest}`, "half", 8 * DAY);
  const rubbish = bench.write("manifests/ghcr.io/acme/app/v1/config.json", "x", DAY);
  const plan = await bench.gc();
  bench.age(partial, 0);
  bench.age(rubbish, 0);
  const { skipped } = await applied(bench, plan);
  assert.deepEqual(skipped.map(({ why }) => why), [
    "written since the plan was made",
    "written since the plan was made",
  ]);
});

Deno.test("blobs that a running process named stay, also if their tag has moved on", async () => {
  using bench = new Bench();
  bench.pulled("ghcr.io/acme/app:v1", ONE, OLD);
  bench.pulled("ghcr.io/acme/app:v1", TWO, { used: DAY, written: 40 * DAY });
  const { digest } = ONE.blobs[1]!.descriptor;
  using _ = await lease(bench, [], [digest]);
  const layers = ONE.blobs.map(relativePathOf);
  await applied(bench, await bench.gc());
  assert.deepEqual(layers.map((path) => bench.has(path)), [false, true, true]);
  await applied(bench, await bench.clear());
  assert.deepEqual(layers.map((path) => bench.has(path)), [false, true, false]);
});

Deno.test("a manifest that a running process named stays with all it reaches: platforms, unpacked files", async () => {
  using bench = new Bench();
  const app = await spinApp({ archived: { "a.txt": "packed" } });
  const all = multiPlatform("linux/amd64", "linux/arm64");
  bench.content("manifests/ghcr.io/acme/app", app, OLD.used);
  bench.content("manifests/ghcr.io/acme/all", all, OLD.used);
  const packed = image(["packed"]).blobs[1]!;
  bench.blobs([packed], OLD.used);
  const before = bench.files();
  {
    using _ = await lease(bench, [], [app.descriptor.digest, all.descriptor.digest]);
    await applied(bench, await bench.clear());
    assert.deepEqual(bench.files().filter((path) => !path.startsWith("leases")), before);
  }
  await applied(bench, await bench.clear());
  assert.deepEqual(bench.files(), []);
});

Deno.test("what is not larder's is never touched", async () => {
  using bench = new Bench();
  bench.pulled("ghcr.io/acme/app:v1", ONE, OLD);
  const foreign = [
    "data/notes.txt",
    "partial/notes.txt",
    "manifests/ghcr.io/acme/app/v1/notes.txt",
    "notes.txt",
  ];
  for (const path of foreign) bench.write(path, "mine", 400 * DAY);
  await applied(bench, await bench.clear());
  assert.deepEqual(bench.files(), foreign.toSorted());
});

Deno.test("a plan names nothing outside the cache", async () => {
  using bench = new Bench();
  bench.pulled("ghcr.io/acme/app:v1", ONE, OLD);
  const outside = bench.write("../outside", "mine");
  const { size, mtime } = Deno.statSync(outside);
  const file = { path: "../outside", size, mtime: mtime!.getTime() };
  const plan = await bench.gc();
  const lists = { contents: [file], partials: [file], rubbish: [file] };
  const entry = { ...(await bench.gc(UNUSED)).remove.entries[0]!, path: ".." };
  const result = await bench.apply({ ...plan, remove: { ...lists, entries: [entry] } });
  assert.equal(result.freed, 0);
  assert.ok(Deno.statSync(outside).isFile);
});

Deno.test("a plan cannot make a sweep take what stays: content that an entry needs is kept", async () => {
  using bench = new Bench();
  bench.pulled("ghcr.io/acme/app:v1", ONE, OLD);
  const plan = await bench.gc(UNUSED);
  const before = bench.files();
  const result = await bench.apply({ ...plan, remove: { ...plan.remove, entries: [] } });
  assert.equal(result.freed, 0);
  assert.deepEqual(bench.files(), before);
});

Deno.test("a sweep is written down, with what it took and by which rule", async () => {
  using bench = new Bench();
  bench.pulled("ghcr.io/acme/app:v1", ONE, OLD);
  bench.pulled("ghcr.io/acme/app:v2", TWO, { used: DAY });
  const plan = await bench.gc(UNUSED);
  const { freed } = await bench.apply(plan);
  await bench.apply(await bench.gc(UNUSED));
  const [{ bytes, name, digest, rule, why }] = plan.remove.entries as [
    Plan["remove"]["entries"][0],
  ];
  const evicted = { name, digest, rule, why, bytes, lastUsed: bench.now - OLD.used };
  assert.deepEqual(new Journal(bench.layout).read(), [{
    kind: "sweep",
    at: new Date(bench.now).toISOString(),
    by: "a test",
    evicted: [evicted],
    entries: 1,
    bytes: freed,
    entriesLeft: 1,
    bytesLeft: bench.size(),
  }]);
});

Deno.test("of the type whose own limit took something it is written down what is left", async () => {
  using bench = new Bench();
  bench.pulled("ghcr.io/acme/app:v1", ONE, OLD);
  bench.pulled("ghcr.io/acme/app:v2", TWO, { used: DAY });
  const file = image(["of a package"]).blobs[1]!;
  bench.package("debian/hello/1/amd64", file, OLD);
  const plan = await bench.gc({ types: { image: { maxCount: 1 } } });
  const { typesLeft } = await bench.apply(plan);
  const size = bench.size() - file.bytes.length -
    Deno.statSync(`${bench.registry}/packages/debian/hello/1/amd64/record.json`).size;
  assert.deepEqual(typesLeft, [{ type: "image", entries: 1, bytes: size }]);
  const [event] = new Journal(bench.layout).read();
  assert.ok(event?.kind === "sweep");
  assert.deepEqual(event.typesLeft, typesLeft);
  assert.deepEqual(event.evicted.map(({ scope }) => scope), ["image"]);
});

Deno.test("where there are no locks, nothing young is touched", async () => {
  using bench = new Bench();
  bench.pulled("ghcr.io/acme/app:v1", ONE, { used: HOUR / 2 });
  bench.pulled("ghcr.io/acme/app:v2", TWO, OLD);
  const plan = await bench.clear();
  const own = Deno.FsFile.prototype.tryLockSync;
  Deno.FsFile.prototype.tryLockSync = () => {
    throw new Deno.errors.NotSupported("no locks here");
  };
  try {
    const { skipped, entries } = await bench.apply(plan);
    assert.deepEqual(entries.map(({ name }) => name), ["ghcr.io/acme/app:v2"]);
    assert.match(skipped[0]!.why, /kept for 1h/);
  } finally {
    Deno.FsFile.prototype.tryLockSync = own;
  }
  assertStoreSound(bench.registry);
  assert.ok(bench.has("manifests/ghcr.io/acme/app/v1/record.json"));
});

Deno.test("a sweep waits for those who write, and sees what they have written", async () => {
  using bench = new Bench();
  const folder = bench.pulled("ghcr.io/acme/app:v1", ONE, OLD);
  const plan = await bench.gc(UNUSED);
  const writing = new Gate();
  const writer = withSharedLock(bench.layout, async () => {
    await writing.pass();
    bench.age(join(folder, "record.json"), 0);
  });
  await writing.reached;
  const sweeping = applyPlan(bench.layout, plan, {
    now: () => bench.now,
    by: "a test",
    waiting: () => writing.open(),
  });
  await writer;
  assert.deepEqual((await sweeping).entries, []);
});

Deno.test("what a later larder wrote keeps everything: nobody here knows what it needs", async (t) => {
  const component = ONE.descriptor.digest;
  const kinds: [string, (bench: Bench) => string][] = [
    ["a tag", (bench) => bench.pulled("ghcr.io/acme/app:v2", TWO, OLD)],
    ["a digest", (bench) => bench.pulledByDigest("ghcr.io/acme/app", TWO, OLD)],
    ["a package", (bench) => bench.package("debian/hello/1.0/amd64", TWO.blobs[1]!, OLD)],
    ["a build", (bench) => bench.build("disk", component, TWO.blobs[1]!, OLD)],
    ["compiled code", (bench) => bench.compiled(component, "v1", [TWO.blobs[1]!], OLD)],
  ];
  for (const [kind, write] of kinds) {
    await t.step(kind, async () => {
      using bench = new Bench();
      bench.pulled("ghcr.io/acme/app:v1", ONE, OLD);
      const path = join(write(bench), "record.json");
      const plans = [await bench.gc(UNUSED), await bench.clear()];
      Deno.writeTextFileSync(path, JSON.stringify({ schemaVersion: 2, needs: "more" }));
      bench.age(path, OLD.used);
      const files = bench.files();
      const isRefused = (error: unknown) =>
        hasCode(error, "LDR_BUSY") && error.message.includes("newer larder");
      await assert.rejects(bench.gc(UNUSED), isRefused);
      await assert.rejects(bench.clear(), isRefused);
      for (const plan of plans) await assert.rejects(bench.apply(plan), isRefused);
      assert.deepEqual(bench.files(), files);
    });
  }
});

Deno.test("a sweep of a cache that is gone does nothing, and makes none", async () => {
  using bench = new Bench();
  bench.pulled("ghcr.io/acme/app:v1", ONE, OLD);
  const plan = await bench.gc(UNUSED);
  Deno.removeSync(bench.registry, { recursive: true });
  assert.equal((await bench.apply(plan)).freed, 0);
  assert.deepEqual([...Deno.readDirSync(bench.path)], []);
});

Deno.test("a sweep that is interrupted stops between two deletions", async () => {
  using bench = new Bench();
  for (let i = 0; i < 400; i++) {
    bench.write(`partial/sha256:${i.toString(16).padStart(64, "0")}`, "x");
  }
  const stop = new AbortController();
  stop.abort();
  const sweeping = applyPlan(bench.layout, await bench.clear(), {
    now: () => bench.now,
    by: "a test",
    signal: stop.signal,
  });
  await assert.rejects(sweeping, (error) => hasCode(error, "LDR_INTERRUPTED"));
});

for (const [name, size] of [["bytes", "256k"], ["files, lock or other", "256k,nr_inodes=20"]]) {
  mountTest(`a disk that is full is freed: no more ${name}`, async () => {
    await using disk = await MountedFolder.tmpfs(size!);
    using bench = new Bench();
    bench.pulled("ghcr.io/acme/app:v1", ONE, OLD);
    const registry = join(disk.path, "registry");
    await run("cp", ["-a", bench.registry, registry]);
    assert.throws(() => {
      for (let i = 0;; i++) Deno.writeFileSync(join(disk.path, `${i}`), new Uint8Array(4096));
    });
    const layout = new Layout(registry);
    const plan = await gcPlan(layout, bench.now, UNUSED);
    const result = await applyPlan(layout, plan, { now: () => bench.now, by: "a test" });
    assert.equal(result.freed, plan.bytes);
    assert.ok(plan.bytes > 0);
  });
}

mountTest("a read-only disk is said to be one, and nothing is lost", async () => {
  using bench = new Bench();
  bench.pulled("ghcr.io/acme/app:v1", ONE, OLD);
  for (const name of ["lock", "gate"]) bench.write(name, "");
  await using readOnly = await MountedFolder.readOnly(bench.registry);
  const layout = new Layout(readOnly.path);
  const plan = await gcPlan(layout, bench.now, UNUSED);
  assert.ok(plan.bytes > 0);
  const sweeping = applyPlan(layout, plan, { now: () => bench.now, by: "a test" });
  await assert.rejects(sweeping, (error) => hasCode(error, "LDR_READ_ONLY"));
  assert.ok(bench.has("manifests/ghcr.io/acme/app/v1/record.json"));
});
