import assert from "node:assert/strict";
import { join } from "node:path";
import { hasCode } from "../../src/base/errors.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { formatPlatform, parsePlatform } from "../../src/oci/platform.ts";
import { takeSnapshot } from "../../src/snapshot/snapshot.ts";
import {
  blob,
  image,
  MEDIA_TYPES,
  multiPlatform,
  randomBytes,
} from "../support/cache/artifacts.ts";
import { held, heldAfter, status } from "../support/registry/faults.ts";
import { Gate } from "../support/gate.ts";
import { PullBench } from "../support/cache/pull_bench.ts";
import { spinApp } from "../support/cache/spin_apps.ts";
import { assertNoRubbish, assertStoreSound, filesBelow } from "../support/cache/store_check.ts";

const LAYER = blob(randomBytes(200_000), MEDIA_TYPES.ociLayer);

Deno.test("a first pull fetches everything, a second asks once and fetches nothing", async () => {
  await using bench = await PullBench.start();
  bench.registry.add("app", image([LAYER, "small"]), "v1");
  const first = await bench.pull();
  assert.equal(first.freshness, "fetched");
  assert.deepEqual(first.parts.map((part) => part.outcome), ["fetched", "fetched", "fetched"]);
  bench.registry.clearLog();
  bench.clock.time += 60_000;
  const second = await bench.pull();
  assert.equal(second.freshness, "current");
  assert.deepEqual(bench.registry.requests().map(({ method }) => method), ["HEAD"]);
  assert.equal(second.checkedAt, first.checkedAt + 60_000);
  assertStoreSound(bench.layout.root);
  assertNoRubbish(bench.layout.root);
});

Deno.test("a moved tag fetches only what is new", async () => {
  await using bench = await PullBench.start();
  bench.registry.add("app", image([LAYER, "old"]), "v1");
  await bench.pull();
  bench.registry.add("app", image([LAYER, "new"]), "v1");
  const { parts } = await bench.pull();
  assert.deepEqual(
    parts.filter(({ kind }) => kind === "layer").map(({ outcome }) => outcome),
    ["reused", "fetched"],
  );
  assert.equal(bench.registry.downloads(LAYER).length, 1);
});

Deno.test("a platform that the cached index lacks is asked for, since the tag may have moved", async () => {
  await using bench = await PullBench.start();
  const platform = parsePlatform("plan9/mips");
  bench.registry.add("app", multiPlatform("wasi/wasm"), "v1");
  await bench.pull();
  await assert.rejects(bench.pull({ platform }), (error) => hasCode(error, "LDR_NO_PLATFORM"));
  bench.registry.add("app", multiPlatform("wasi/wasm", "plan9/mips"), "v1");
  const offline = bench.pull({ platform, policy: "never" });
  await assert.rejects(offline, (error) => hasCode(error, "LDR_NO_PLATFORM"));
  assert.equal(formatPlatform((await bench.pull({ platform })).platform!), "plan9/mips");
});

Deno.test("a server that stalls is cut off and the download goes on where it was", async () => {
  await using bench = await PullBench.start({ stallTimeout: 1000 });
  const gate = new Gate();
  bench.registry.add("app", image([LAYER]), "v1");
  bench.registry.fail(LAYER.descriptor.digest, heldAfter(50_000, gate), 1);
  const result = await bench.pull();
  gate.open();
  assert.equal(result.freshness, "fetched");
  const ranges = bench.registry.requests(LAYER.descriptor.digest)
    .map(({ headers }) => headers.get("range"));
  assert.deepEqual(ranges.slice(0, 2), [null, "bytes=50000-"]);
  assert.match(bench.notes.join("\n"), /sent nothing for 1 s; trying again/);
  assertStoreSound(bench.layout.root);
});

Deno.test("a server that never answers ends in a time-out, not in a hang", async () => {
  await using bench = await PullBench.start({ stallTimeout: 50 });
  const gate = new Gate();
  bench.registry.add("app", image([LAYER]), "v1");
  bench.registry.fail("/manifests/", held(gate));
  await assert.rejects(bench.pull(), (error) => hasCode(error, "LDR_TIMEOUT"));
  gate.open();
});

Deno.test("a failing registry is said with the copy's age, which may stand in if allowed", async () => {
  await using bench = await PullBench.start();
  bench.registry.add("app", image(["a"]), "v1");
  const { checkedAt } = await bench.pull();
  bench.clock.time += 2 * 3_600_000;
  bench.registry.fail("/manifests/", status(503));
  await assert.rejects(
    bench.pull(),
    (error) => hasCode(error, "LDR_SERVER_ERROR") && /confirmed 2h ago/.test(error.message),
  );
  await assert.rejects(bench.pull({ staleIfError: 3_600_000 }));
  const stale = await bench.pull({ staleIfError: 3 * 3_600_000 });
  assert.equal(stale.freshness, "stale");
  assert.equal(stale.checkedAt, checkedAt, "nobody has confirmed it since");
});

Deno.test("a registry that says no is not stood in for", async () => {
  await using bench = await PullBench.start();
  bench.registry.add("app", image(["a"]), "v1");
  await bench.pull();
  bench.registry.fail("/manifests/", status(404));
  await assert.rejects(
    bench.pull({ staleIfError: Infinity }),
    (error) => hasCode(error, "LDR_NOT_FOUND"),
  );
});

Deno.test("a cached digest asks nobody; its blobs are looked at all the same", async () => {
  await using bench = await PullBench.start();
  const reference = bench.registry.add("app", image([LAYER]));
  await bench.pull({}, reference);
  bench.registry.clearLog();
  assert.equal((await bench.pull({}, reference)).freshness, "unchecked");
  assert.deepEqual(bench.registry.requests(), []);
  Deno.removeSync(join(bench.layout.tree("data"), LAYER.descriptor.digest));
  assert.equal((await bench.pull({}, reference)).freshness, "fetched");
  assert.deepEqual(bench.registry.requests().map(({ path }) => path.includes("/blobs/")), [true]);
});

Deno.test("every file of an entry may be deleted: the next pull makes it whole", async () => {
  await using bench = await PullBench.start();
  bench.registry.add("app", await spinApp({ archived: { "a.txt": "a", "b.txt": "b" } }), "v1");
  await bench.pull();
  const { root } = bench.layout;
  const files = filesBelow(root).filter((path) => !path.endsWith("/lock"));
  assert.ok(files.length >= 10, files.join("\n"));
  for (const file of files) {
    Deno.removeSync(file);
    await bench.pull();
    assert.ok(Deno.statSync(file).isFile, `${file} did not come back`);
    assertStoreSound(root);
  }
  assert.equal((await takeSnapshot(bench.layout, Date.now())).entries.length, 1);
});

for (const old of [false, true]) {
  const age = old ? "before" : "since";
  Deno.test(`a locked app of Spin ${age} 2.0 that is damaged is fetched again`, async () => {
    await using bench = await PullBench.start();
    const app = await spinApp({ archived: { "a.txt": "a" }, old });
    bench.registry.add("app", app, "v1");
    const { folder } = await bench.pull();
    const { blobs, descriptor } = app;
    const locked = blobs.find((each) => each.descriptor.mediaType === MEDIA_TYPES.spinApplication)!;
    const digest = descriptor.digest as Digest;
    const places = [
      join(folder, "config.json"),
      old
        ? bench.layout.blob("data", locked.descriptor.digest as Digest)
        : join(bench.layout.digestFolder(bench.reference(), digest), "config.json"),
    ];
    for (const place of places) {
      assert.deepEqual(Deno.readFileSync(place), new Uint8Array(locked.bytes));
      Deno.writeFileSync(place, new Uint8Array(locked.bytes.length));
      await bench.pull();
      assert.deepEqual(Deno.readFileSync(place), new Uint8Array(locked.bytes));
    }
    assertStoreSound(bench.layout.root);
  });
}

Deno.test("what a manifest embeds is taken from there, and only if it is right", async () => {
  await using bench = await PullBench.start();
  const embedded = (text: string, data: string) => {
    const { bytes, descriptor } = blob(text, MEDIA_TYPES.ociLayer);
    return { bytes, descriptor: Object.assign(descriptor, { data: btoa(data) }) };
  };
  const [good, bad] = [embedded("good", "good"), embedded("bad", "other")];
  bench.registry.add("app", image([LAYER, good, bad]), "v1");
  const { parts } = await bench.pull();
  const outcomes = new Map(parts.map(({ digest, outcome }) => [digest as string, outcome]));
  assert.equal(outcomes.get(good.descriptor.digest), "reused");
  assert.equal(outcomes.get(bad.descriptor.digest), "fetched");
  assert.deepEqual(bench.registry.downloads(good), []);
  assert.equal((await bench.pull()).freshness, "current");
  assertStoreSound(bench.layout.root);
});

Deno.test("a failure publishes nothing and stops the other transfers", async () => {
  await using bench = await PullBench.start();
  const gone = blob("gone", MEDIA_TYPES.ociLayer);
  bench.registry.add("app", image([LAYER, gone]), "v1");
  bench.registry.removeBlob("app", gone);
  await assert.rejects(bench.pull(), (error) => hasCode(error, "LDR_NOT_FOUND"));
  assert.deepEqual((await takeSnapshot(bench.layout, Date.now())).entries, []);
  assertStoreSound(bench.layout.root);
});

Deno.test("an interrupted pull says so and keeps what came", async () => {
  await using bench = await PullBench.start();
  const gate = new Gate();
  const stop = new AbortController();
  bench.registry.add("app", image([LAYER]), "v1");
  bench.registry.fail(LAYER.descriptor.digest, heldAfter(70_000, gate), 1);
  let seen = 0;
  const progressed = (_: unknown, bytes: number) => {
    seen += bytes;
    if (seen >= 70_000) stop.abort();
  };
  const pulling = bench.pull({ signal: stop.signal }, bench.reference(), { progressed });
  await assert.rejects(pulling, (error) => hasCode(error, "LDR_INTERRUPTED"));
  gate.open();
  const partial = join(bench.layout.root, "partial", LAYER.descriptor.digest);
  assert.equal(Deno.statSync(partial).size, 70_000);
  await bench.pull();
  assertNoRubbish(bench.layout.root);
});
