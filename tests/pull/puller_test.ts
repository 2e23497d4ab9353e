import assert from "node:assert/strict";
import { join } from "node:path";
import { hasCode } from "../../src/base/errors.ts";
import { SILENT_TRIES } from "../../src/base/tries.ts";
import { type Digest, shortDigest } from "../../src/oci/digest.ts";
import { formatPlatform, parsePlatform } from "../../src/oci/platform.ts";
import { takeSnapshot } from "../../src/snapshot/snapshot.ts";
import {
  type Artifact,
  blob,
  image,
  manifestOf,
  MEDIA_TYPES,
  multiPlatform,
  randomBytes,
} from "../support/cache/artifacts.ts";
import { TestPuller } from "../support/cache/test_puller.ts";
import { spinApp } from "../support/cache/spin_apps.ts";
import { assertNoStrayFiles, assertStoreSound, filesBelow } from "../support/cache/store_check.ts";
import { Gate } from "../support/gate.ts";
import { held, heldAfter, onRange, status } from "../support/registry/faults.ts";

const LAYER = blob(randomBytes(200_000), MEDIA_TYPES.ociLayer);

Deno.test("Puller.pull fetches everything at first and then sends one HEAD request", async () => {
  await using puller = await TestPuller.start();
  puller.registry.add("app", image([LAYER, "small"]), "v1");
  const first = await puller.pull();
  assert.equal(first.freshness, "fetched");
  assert.deepEqual(first.parts.map((part) => part.outcome), ["fetched", "fetched", "fetched"]);
  puller.registry.clearLog();
  puller.clock.time += 60_000;
  const second = await puller.pull();
  assert.equal(second.freshness, "current");
  assert.deepEqual(puller.registry.requests().map(({ method }) => method), ["HEAD"]);
  assert.equal(second.checkedAt, first.checkedAt + 60_000);
  assertStoreSound(puller.layout.root);
  assertNoStrayFiles(puller.layout.root);
});

Deno.test("Puller.pull fetches only the new parts of a moved tag", async () => {
  await using puller = await TestPuller.start();
  puller.registry.add("app", image([LAYER, "old"]), "v1");
  await puller.pull();
  puller.registry.add("app", image([LAYER, "new"]), "v1");
  const { parts } = await puller.pull();
  assert.deepEqual(
    parts.filter(({ kind }) => kind === "layer").map(({ outcome }) => outcome),
    ["reused", "fetched"],
  );
  assert.equal(puller.registry.downloads(LAYER).length, 1);
});

Deno.test("Puller.pull asks the registry for a platform that the cached index lacks", async () => {
  await using puller = await TestPuller.start();
  const platform = parsePlatform("plan9/mips");
  puller.registry.add("app", multiPlatform("wasi/wasm"), "v1");
  await puller.pull();
  await assert.rejects(puller.pull({ platform }), (error) => hasCode(error, "LDR_NO_PLATFORM"));
  puller.registry.add("app", multiPlatform("wasi/wasm", "plan9/mips"), "v1");
  const offline = puller.pull({ platform, policy: "never" });
  await assert.rejects(offline, (error) => hasCode(error, "LDR_NO_PLATFORM"));
  assert.equal(formatPlatform((await puller.pull({ platform })).platform!), "plan9/mips");
});

Deno.test("Puller.pull continues a download after a stall", async () => {
  await using puller = await TestPuller.start({ stallTimeout: 1000 });
  const gate = new Gate();
  puller.registry.add("app", image([LAYER]), "v1");
  puller.registry.fail(LAYER.descriptor.digest, heldAfter(50_000, gate), 1);
  const result = await puller.pull();
  gate.open();
  assert.equal(result.freshness, "fetched");
  const ranges = puller.registry.requests(LAYER.descriptor.digest)
    .map(({ headers }) => headers.get("range"));
  assert.deepEqual(ranges.slice(0, 2), [null, `bytes=50000-${LAYER.bytes.length - 1}`]);
  assert.match(puller.notes.join("\n"), /sent nothing for 1 s; trying again/);
  assertStoreSound(puller.layout.root);
});

Deno.test("Puller.pull fails with LDR_TIMEOUT if the server never answers", async () => {
  await using puller = await TestPuller.start({ stallTimeout: 50 });
  const gate = new Gate();
  puller.registry.add("app", image([LAYER]), "v1");
  puller.registry.fail("/manifests/", held(gate));
  await assert.rejects(puller.pull(), (error) => hasCode(error, "LDR_TIMEOUT"));
  gate.open();
});

Deno.test("Puller.pull gives up a silent server after three requests for a blob", async (t) => {
  for (const length of [undefined, 0, 10]) {
    const what = length === undefined ? "no answer" : `${length} bytes of the body`;
    await t.step(what, async () => {
      await using puller = await TestPuller.start({ stallTimeout: 300 });
      const gate = new Gate();
      puller.registry.add("app", image([LAYER]), "v1");
      const fault = length === undefined ? held(gate) : heldAfter(length, gate);
      puller.registry.fail(LAYER.descriptor.digest, fault);
      await assert.rejects(puller.pull(), (error) => hasCode(error, "LDR_TIMEOUT"));
      gate.open();
      const notes = puller.notes.filter((note) => note.includes("trying again"));
      assert.equal(notes.length, SILENT_TRIES - 1, notes.join("\n"));
      const { digest } = LAYER.descriptor;
      assert.ok(
        notes.every((note) => note.includes(shortDigest(digest as Digest))),
        notes.join("\n"),
      );
      assert.ok(notes.every((note) => note.includes("/app:v1: ") && !note.includes(digest)));
    });
  }
});

Deno.test("Puller.pull starts over if the registry refuses to continue a download", async (t) => {
  const small = blob(randomBytes(2000), MEDIA_TYPES.ociLayer);
  for (const code of [400, 403, 404, 405, 416, 500, 501, 502]) {
    await t.step(String(code), async () => {
      await using puller = await TestPuller.start();
      puller.registry.add("app", image([small]), "v1");
      puller.registry.fail(small.descriptor.digest, onRange(status(code)));
      Deno.mkdirSync(join(puller.layout.root, "partial"), { recursive: true });
      const partial = puller.layout.partial(small.descriptor.digest as Digest);
      Deno.writeFileSync(partial, small.bytes.subarray(0, 900));
      assert.equal((await puller.pull()).freshness, "fetched");
      assertStoreSound(puller.layout.root);
      assertNoStrayFiles(puller.layout.root);
    });
  }
});

Deno.test("Puller.pull asks by GET if HEAD alone is denied", async (t) => {
  for (const code of [401, 403, 405, 500, 503]) {
    await t.step(String(code), async () => {
      await using puller = await TestPuller.start();
      puller.registry.add("app", image(["a"]), "v1");
      await puller.pull();
      puller.registry.clearLog();
      puller.registry.fail("HEAD", status(code));
      assert.equal((await puller.pull()).freshness, "current");
      assert.deepEqual(puller.registry.requests().map(({ method }) => method), ["HEAD", "GET"]);
    });
  }
});

Deno.test("Puller.pull names the age of the cached copy after a failure, and uses it with staleIfError", async () => {
  await using puller = await TestPuller.start();
  puller.registry.add("app", image(["a"]), "v1");
  const { checkedAt } = await puller.pull();
  puller.clock.time += 2 * 3_600_000;
  puller.registry.fail("/manifests/", status(503));
  await assert.rejects(
    puller.pull(),
    (error) => hasCode(error, "LDR_SERVER_ERROR") && /confirmed 2h ago/.test(error.message),
  );
  await assert.rejects(puller.pull({ staleIfError: 3_600_000 }));
  const stale = await puller.pull({ staleIfError: 3 * 3_600_000 });
  assert.equal(stale.freshness, "stale");
  assert.equal(stale.checkedAt, checkedAt, "the time of the last check changed");
});

Deno.test("Puller.pull names the cached copy of a tag that is of no use now", async (t) => {
  const { ociIndex, ociManifest } = MEDIA_TYPES;
  const cases: [string, Artifact, string][] = [
    [
      "an empty index",
      manifestOf({ schemaVersion: 2, manifests: [] }, ociIndex),
      "LDR_NO_PLATFORM",
    ],
    ["another platform", multiPlatform("plan9/mips", "plan9/arm"), "LDR_NO_PLATFORM"],
    [
      "a bad manifest",
      manifestOf({ schemaVersion: 2, config: 1 }, ociManifest),
      "LDR_BAD_MANIFEST",
    ],
  ];
  for (const [name, artifact, code] of cases) {
    await t.step(name, async () => {
      await using puller = await TestPuller.start();
      puller.registry.add("app", image(["a"]), "v1");
      await puller.pull();
      puller.clock.time += 2 * 3_600_000;
      puller.registry.add("app", artifact, "v1");
      await assert.rejects(
        puller.pull({ staleIfError: Infinity }),
        (error) =>
          hasCode(error, code as "LDR_NO_PLATFORM") && /confirmed 2h ago/.test(error.message) &&
          error.hint === "use the cached copy with --offline",
      );
    });
  }
});

Deno.test("Puller.pull does not use the cached copy after a 404", async () => {
  await using puller = await TestPuller.start();
  puller.registry.add("app", image(["a"]), "v1");
  await puller.pull();
  puller.registry.fail("/manifests/", status(404));
  await assert.rejects(
    puller.pull({ staleIfError: Infinity }),
    (error) => hasCode(error, "LDR_NOT_FOUND"),
  );
});

Deno.test("Puller.pull sends no request for a cached digest, but checks its blobs", async () => {
  await using puller = await TestPuller.start();
  const reference = puller.registry.add("app", image([LAYER]));
  await puller.pull({}, reference);
  puller.registry.clearLog();
  assert.equal((await puller.pull({}, reference)).freshness, "unchecked");
  assert.deepEqual(puller.registry.requests(), []);
  Deno.removeSync(join(puller.layout.tree("data"), LAYER.descriptor.digest));
  assert.equal((await puller.pull({}, reference)).freshness, "fetched");
  assert.deepEqual(puller.registry.requests().map(({ path }) => path.includes("/blobs/")), [true]);
});

Deno.test("Puller.pull restores any deleted file of an entry", async () => {
  await using puller = await TestPuller.start();
  puller.registry.add("app", await spinApp({ archived: { "a.txt": "a", "b.txt": "b" } }), "v1");
  await puller.pull();
  const { root } = puller.layout;
  const files = filesBelow(root).filter((path) => !path.endsWith("/lock"));
  assert.ok(files.length >= 10, files.join("\n"));
  for (const file of files) {
    Deno.removeSync(file);
    await puller.pull();
    assert.ok(Deno.statSync(file).isFile, `${file} did not come back`);
    assertStoreSound(root);
  }
  assert.equal((await takeSnapshot(puller.layout, Date.now())).entries.length, 1);
});

for (const old of [false, true]) {
  const age = old ? "before" : "since";
  Deno.test(`Puller.pull fetches a damaged locked app of Spin ${age} 2.0 again`, async () => {
    await using puller = await TestPuller.start();
    const app = await spinApp({ archived: { "a.txt": "a" }, old });
    puller.registry.add("app", app, "v1");
    const { folder } = await puller.pull();
    const { blobs, descriptor } = app;
    const locked = blobs.find((each) => each.descriptor.mediaType === MEDIA_TYPES.spinApplication)!;
    const digest = descriptor.digest as Digest;
    const paths = [
      join(folder, "config.json"),
      join(puller.layout.digestFolder(puller.reference(), digest), "config.json"),
    ];
    // There Spin would take it for cached, and write no config.json.
    const blob = puller.layout.blob("data", locked.descriptor.digest as Digest);
    assert.ok(!filesBelow(puller.layout.root).includes(blob));
    for (const path of paths) {
      assert.deepEqual(Deno.readFileSync(path), new Uint8Array(locked.bytes));
      Deno.writeFileSync(path, new Uint8Array(locked.bytes.length));
      await puller.pull();
      assert.deepEqual(Deno.readFileSync(path), new Uint8Array(locked.bytes));
    }
    assertStoreSound(puller.layout.root);
  });
}

Deno.test("Puller.pull uses content that a manifest embeds if it has the right digest", async () => {
  await using puller = await TestPuller.start();
  const embedded = (text: string, data: string) => {
    const { bytes, descriptor } = blob(text, MEDIA_TYPES.ociLayer);
    return { bytes, descriptor: Object.assign(descriptor, { data: btoa(data) }) };
  };
  const [good, bad] = [embedded("good", "good"), embedded("bad", "other")];
  puller.registry.add("app", image([LAYER, good, bad]), "v1");
  const { parts } = await puller.pull();
  const outcomes = new Map(parts.map(({ digest, outcome }) => [digest as string, outcome]));
  assert.equal(outcomes.get(good.descriptor.digest), "reused");
  assert.equal(outcomes.get(bad.descriptor.digest), "fetched");
  assert.deepEqual(puller.registry.downloads(good), []);
  assert.equal((await puller.pull()).freshness, "current");
  assertStoreSound(puller.layout.root);
});

Deno.test("Puller.pull publishes nothing after a failure", async () => {
  await using puller = await TestPuller.start();
  const gone = blob("gone", MEDIA_TYPES.ociLayer);
  puller.registry.add("app", image([LAYER, gone]), "v1");
  puller.registry.removeBlob("app", gone);
  await assert.rejects(puller.pull(), (error) => hasCode(error, "LDR_NOT_FOUND"));
  assert.deepEqual((await takeSnapshot(puller.layout, Date.now())).entries, []);
  assertStoreSound(puller.layout.root);
});

Deno.test("Puller.pull keeps partial downloads when it is interrupted", async () => {
  await using puller = await TestPuller.start();
  const gate = new Gate();
  const stop = new AbortController();
  puller.registry.add("app", image([LAYER]), "v1");
  puller.registry.fail(LAYER.descriptor.digest, heldAfter(70_000, gate), 1);
  let received = 0;
  const progressed = (_: unknown, bytes: number) => {
    received += bytes;
    if (received >= 70_000) stop.abort();
  };
  const pulling = puller.pull({ signal: stop.signal }, puller.reference(), { progressed });
  await assert.rejects(pulling, (error) => hasCode(error, "LDR_INTERRUPTED"));
  gate.open();
  const partial = join(puller.layout.root, "partial", LAYER.descriptor.digest);
  assert.equal(Deno.statSync(partial).size, 70_000);
  await puller.pull();
  assertNoStrayFiles(puller.layout.root);
});
