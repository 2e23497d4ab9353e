import assert from "node:assert/strict";
import { join } from "node:path";
import { hasCode } from "../../src/base/errors.ts";
import { applyPlan } from "../../src/gc/sweep/apply.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { readEntryRecord } from "../../src/store/manifest_store.ts";
import { applyLocalRepairs } from "../../src/verify/repair.ts";
import { Verifier } from "../../src/verify/verify.ts";
import { takeSnapshot } from "../../src/snapshot/snapshot.ts";
import {
  archiveOf,
  type Artifact,
  blob,
  image,
  MEDIA_TYPES,
  wasmArtifact,
  wasmModule,
} from "../support/cache/artifacts.ts";
import { betweenCalls } from "../support/cache/fs_calls.ts";
import { clearPlan, gcPlan } from "../support/cache/plans.ts";
import { Spin } from "../support/cache/spin.ts";
import { spinApp } from "../support/cache/spin_apps.ts";
import { assertStoreSound, assertUnpacked, filesBelow } from "../support/cache/store_check.ts";
import { DAY } from "../support/cache/test_cache.ts";
import { TestPuller } from "../support/cache/test_puller.ts";
import { status } from "../support/registry/faults.ts";

const FILES = { "a.txt": "first", "b.txt": "second", "c.txt": "third" };
const ARCHIVE = await archiveOf(FILES);
const APP = await spinApp({ archived: FILES });

/** A puller and Spin on one cache. */
async function shared(artifact: Artifact = APP) {
  const puller = await TestPuller.start();
  const spin = new Spin(puller.layout.root);
  return {
    puller,
    spin,
    reference: puller.registry.add("app", artifact, "v1"),
    requests: () => puller.registry.requests().map(({ method }) => method),
    /** Runs `work`, and checks the archive before each of its calls to the file system. */
    checked: async <T>(work: () => Promise<T>): Promise<T> => {
      let calls = 0;
      const check = () => {
        calls++;
        assertUnpacked(puller.layout.root, [ARCHIVE]);
      };
      const result = await betweenCalls(check, work);
      assert.ok(calls > 5, "hardly anything was checked");
      check();
      return result;
    },
    [Symbol.asyncDispose]: () => puller[Symbol.asyncDispose](),
  };
}

function dataOf(puller: TestPuller, text: string): string {
  return join(puller.layout.tree("data"), blob(text).descriptor.digest);
}

Deno.test("Spin loads what larder pulled, and larder what Spin pulled", async (t) => {
  const old = { old: true, archived: FILES, files: { "d.txt": "fourth" } };
  const cases: [string, Artifact][] = [
    ["an archive", APP],
    ["files", await spinApp({ files: FILES })],
    ["a locked app as config", await spinApp(old)],
    ["a package", wasmArtifact()],
  ];
  for (const [name, artifact] of cases) {
    await t.step(name, async () => {
      await using cache = await shared(artifact);
      const { puller, spin, reference } = cache;
      await puller.pull();
      const before = filesBelow(puller.layout.root);
      spin.pullAll(reference, artifact);
      spin.load(reference);
      assert.deepEqual(filesBelow(puller.layout.root), before);
    });
    await t.step(`${name}, the other way`, async () => {
      await using cache = await shared(artifact);
      const { puller, spin, reference } = cache;
      spin.pullAll(reference, artifact);
      const layers = artifact.blobs.slice(1)
        .filter(({ descriptor }) => descriptor.mediaType !== MEDIA_TYPES.spinApplication);
      await puller.pull();
      assert.equal(layers.flatMap((layer) => puller.registry.downloads(layer)).length, 0);
      spin.load(reference);
      assertStoreSound(puller.layout.root);
    });
  }
});

Deno.test("Puller.pull keeps a tag that Spin pulled again: offline, after failures, with one HEAD request", async () => {
  await using cache = await shared();
  const { puller, spin, reference } = cache;
  const { digest } = await puller.pull();
  spin.pullAll(reference, APP);
  assert.equal((await puller.pull({ policy: "never" })).digest, digest);
  puller.registry.clearLog();
  assert.deepEqual([(await puller.pull()).freshness, cache.requests()], ["current", ["HEAD"]]);
  spin.load(reference);
  puller.registry.fail("/manifests/", status(503));
  assert.equal((await puller.pull({ staleIfError: DAY })).freshness, "stale");
  const later = Date.now() + 2 * DAY;
  const plan = await gcPlan(puller.layout, later, {});
  assert.deepEqual(plan.remove.contents.map(({ path }) => path), []);
});

Deno.test("Puller.pull asks the registry about a tag to which Spin pulled other content", async () => {
  await using cache = await shared();
  const { puller, spin, reference } = cache;
  await puller.pull();
  spin.pullAll(reference, await spinApp({ module: wasmModule("other") }));
  await assert.rejects(puller.pull({ policy: "never" }), (e) => hasCode(e, "LDR_NOT_CACHED"));
  assert.equal((await puller.pull()).digest, APP.descriptor.digest);
  spin.load(reference);
});

Deno.test("gc keeps the content of a pinned tag under which Spin filed a digest", async () => {
  await using cache = await shared();
  const { puller, spin } = cache;
  const latest = puller.registry.add("app", APP, "latest");
  const { folder } = await puller.pull({}, latest);
  Deno.writeTextFileSync(join(folder, "pin.json"), "{}");
  const other = await spinApp({ module: wasmModule("other") });
  const before = filesBelow(puller.layout.root);
  spin.pullAll(`${puller.registry.host}/app@${other.descriptor.digest}`, other);
  const now = Date.now() + 90 * DAY;
  await applyPlan(puller.layout, await gcPlan(puller.layout, now, { unused: DAY }), {
    now: () => now,
    by: "a test",
  });
  const left = new Set(filesBelow(puller.layout.root));
  assert.deepEqual(before.filter((path) => !left.has(path)), []);
});

Deno.test("an archive has its name only while the files in it have theirs", async (t) => {
  const { data, wasm } = { data: APP.blobs[2]!, wasm: APP.blobs[1]! };
  assert.equal(data.descriptor.mediaType, MEDIA_TYPES.spinArchive);
  const clear = async ({ layout }: TestPuller) => {
    const plan = await clearPlan(layout, Date.now());
    await applyPlan(layout, plan, { now: Date.now, by: "a test" });
  };
  await t.step("during a pull and a sweep", async () => {
    await using cache = await shared();
    await cache.checked(() => cache.puller.pull());
    await cache.checked(() => clear(cache.puller));
    assert.deepEqual(filesBelow(cache.puller.layout.tree("data")), []);
    assert.deepEqual(filesBelow(cache.puller.layout.archives), []);
  });
  await t.step("during a pull that fails, and the next", async () => {
    await using cache = await shared();
    const { puller, spin, reference } = cache;
    puller.registry.fail(wasm.descriptor.digest, status(404));
    await cache.checked(() => assert.rejects(puller.pull()));
    spin.pullAll(reference, APP);
    spin.load(reference);
    await cache.checked(() => puller.pull());
  });
  await t.step("during a sweep that keeps an archive because it is young", async () => {
    await using cache = await shared();
    const { puller } = cache;
    await puller.pull();
    Deno.removeSync(puller.layout.manifests, { recursive: true });
    const old = new Date(Date.now() - DAY);
    for (const text of Object.values(FILES)) Deno.utimeSync(dataOf(puller, text), old, old);
    const plan = await gcPlan(puller.layout, Date.now(), {});
    await cache.checked(() => applyPlan(puller.layout, plan, { now: Date.now, by: "a test" }));
    assert.ok(filesBelow(puller.layout.root).includes(dataOf(puller, "first")));
  });
  await t.step("during a repair", async () => {
    await using cache = await shared();
    const { puller, spin, reference } = cache;
    const { folder } = await puller.pull();
    const record = readEntryRecord(folder)!;
    const verifier = new Verifier(puller.layout, { now: Date.now });
    const [damaged, archive] = [dataOf(puller, "third"), data.descriptor.digest];
    Deno.writeTextFileSync(damaged, "other");
    const { findings, expected } = await verifier.run();
    assert.deepEqual(findings.map(({ path }) => path), [damaged]);
    const isStanding = () => filesBelow(puller.layout.root).includes(damaged);
    const archivePath = join(puller.layout.tree("data"), archive);
    // Damage that the repair has not reached yet is none of its own.
    await betweenCalls(() => {
      if (!isStanding()) assertUnpacked(puller.layout.root, [ARCHIVE]);
    }, () => applyLocalRepairs(puller.layout, findings, expected, { now: Date.now }));
    assert.deepEqual([isStanding(), filesBelow(puller.layout.root).includes(archivePath)], [
      false,
      false,
    ]);
    puller.registry.clearLog();
    await cache.checked(() =>
      puller.inner.restore(parseReference(reference), record, { transfers: 1 })
    );
    assert.deepEqual(puller.registry.requests(), []);
    assert.deepEqual((await verifier.run()).findings, []);
    spin.load(reference);
  });
  await t.step("during a sweep that cannot remove the archive", async () => {
    await using cache = await shared();
    const { puller } = cache;
    await puller.pull();
    const plan = await clearPlan(puller.layout, Date.now());
    const archive = join(puller.layout.tree("data"), data.descriptor.digest);
    Deno.utimeSync(archive, new Date(), new Date(1e12));
    const { skipped } = await cache.checked(() =>
      applyPlan(puller.layout, plan, { now: Date.now, by: "a test" })
    );
    assert.equal(skipped.length, 1 + Object.keys(FILES).length);
    assert.ok(filesBelow(puller.layout.root).includes(archive));
  });
});

Deno.test("Puller.pull completes an archive of which a file is missing or damaged", async (t) => {
  const damages: [string, (path: string) => void][] = [
    ["missing", (path) => Deno.removeSync(path)],
    ["half-written", (path) => Deno.truncateSync(path, 2)],
    ["other bytes", (path) => Deno.writeTextFileSync(path, "tsrif")],
  ];
  for (const [name, damage] of damages) {
    for (const isListed of [true, false]) {
      await t.step(`${name}${isListed ? "" : ", by an earlier larder"}`, async () => {
        await using cache = await shared();
        const { puller, spin, reference } = cache;
        await puller.pull();
        if (!isListed) Deno.removeSync(puller.layout.archives, { recursive: true });
        damage(dataOf(puller, "first"));
        await puller.pull();
        assert.equal(puller.registry.downloads(APP.blobs[2]!).length, 1);
        assertUnpacked(puller.layout.root, [ARCHIVE]);
        spin.load(reference);
      });
    }
  }
});

Deno.test("gc keeps the files of an archive that Spin unpacked, whatever locked app is beside it", async (t) => {
  const damages: [string, (config: string) => void][] = [
    ["its own", () => {}],
    ["empty", (config) => Deno.writeTextFileSync(config, "")],
    ["that of the manifest", (config) => Deno.writeTextFileSync(config, "{}")],
    ["missing", (config) => Deno.removeSync(config)],
  ];
  for (const [name, damage] of damages) {
    await t.step(name, async () => {
      await using cache = await shared();
      const { puller, spin, reference } = cache;
      spin.pullAll(reference, APP);
      damage(join(spin.folder(reference), "config.json"));
      for (const path of filesBelow(puller.layout.tree("data"))) {
        Deno.utimeSync(path, new Date(1e12), new Date(1e12));
      }
      const plan = await gcPlan(puller.layout, Date.now(), {});
      await cache.checked(() => applyPlan(puller.layout, plan, { now: Date.now, by: "a test" }));
      spin.pullAll(reference, APP);
      spin.load(reference);
    });
  }
});

Deno.test("gc keeps files that Spin has found and will not write while it unpacks an archive", async () => {
  await using cache = await shared();
  const { puller, spin, reference } = cache;
  // Left of an earlier version.
  Deno.mkdirSync(puller.layout.tree("data"), { recursive: true });
  const old = dataOf(puller, "first");
  Deno.writeTextFileSync(old, "first");
  Deno.utimeSync(old, new Date(1e12), new Date(1e12));
  const plan = await gcPlan(puller.layout, Date.now(), {});
  assert.equal(plan.remove.contents.length, 1);
  const steps = spin.pull(reference, APP);
  const archive = join(puller.layout.tree("data"), APP.blobs[2]!.descriptor.digest);
  while (!filesBelow(puller.layout.root).includes(archive)) steps.next();
  assert.deepEqual((await gcPlan(puller.layout, Date.now(), {})).remove.contents, []);
  await betweenCalls(
    () => steps.next(),
    () => applyPlan(puller.layout, plan, { now: Date.now, by: "a test" }),
  );
  for (const _ of steps);
  spin.load(reference);
});

Deno.test("Puller.pull puts a Wasm package where Spin looks for it", async () => {
  const module = wasmModule("package");
  const artifact = wasmArtifact(module);
  await using cache = await shared(artifact);
  const { puller, spin, reference } = cache;
  const file = image([blob(module, MEDIA_TYPES.spinData)]);
  await puller.pull({}, puller.registry.add("file", file, "v1"));
  spin.pullAll(reference, artifact);
  assert.throws(() => spin.load(reference));
  puller.registry.clearLog();
  const { parts, freshness } = await puller.pull();
  assert.equal(freshness, "fetched"); // Its config.
  assert.equal(parts[1]!.outcome, "reused");
  assert.equal(puller.registry.downloads(artifact.blobs[1]!).length, 0);
  spin.load(reference);
  assertStoreSound(puller.layout.root);
});

Deno.test("takeSnapshot takes the downloads of a killed Spin for rubbish", async () => {
  await using cache = await shared();
  const { puller } = cache;
  await puller.pull();
  const { layout } = puller;
  Deno.mkdirSync(layout.tree("wasm"), { recursive: true });
  const name = `download-sha256-${"0".repeat(64)}`;
  const write = (file: string) => Deno.writeTextFileSync(join(layout.tree("wasm"), file), "half");
  for (const suffix of ["aB3x9Z", "", "aB3x9Zq", "aB3x9."]) write(name + suffix);
  const { rubbish, foreign } = await takeSnapshot(layout, Date.now());
  assert.deepEqual(rubbish.map(({ path }) => path.slice(-6)), ["aB3x9Z"]);
  assert.equal(foreign.length, 3);
});

for (const spins of [false, true]) {
  Deno.test(`Verifier expects ${spins ? "Spin's" : "a"} Wasm package in wasm/, and accepts Spin's form of a manifest`, async () => {
    const module = wasmModule("package");
    const artifact = wasmArtifact(module);
    await using cache = await shared(artifact);
    const { puller, spin, reference } = cache;
    if (!spins) await puller.pull();
    spin.pullAll(reference, artifact);
    const verifier = new Verifier(puller.layout, { now: Date.now });
    assert.deepEqual((await verifier.run()).findings, []);
    const { digest } = artifact.blobs[1]!.descriptor;
    const [wasm, data] = (["wasm", "data"] as const).map((tree) =>
      join(puller.layout.tree(tree), digest)
    );
    Deno.mkdirSync(puller.layout.tree("data"), { recursive: true });
    Deno.renameSync(wasm!, data!);
    const { findings, expected } = await verifier.run();
    assert.deepEqual(findings.map(({ kind, path }) => [kind, path]), [["misplaced", data]]);
    await applyLocalRepairs(puller.layout, findings, expected, { now: Date.now });
    assert.deepEqual((await verifier.run()).findings, []);
    spin.load(reference);
  });
}
