import assert from "node:assert/strict";
import { join } from "node:path";
import { blob, image, MEDIA_TYPES } from "../../support/cache/artifacts.ts";
import { flipBit } from "../../support/cache/damage.ts";
import { spinApp } from "../../support/cache/spin_apps.ts";
import { assertStoreSound } from "../../support/cache/store_check.ts";
import { Gate } from "../../support/gate.ts";
import { held, heldAfter, status } from "../../support/registry/faults.ts";
import { LINGER } from "../../../src/serve/blobs/serving_lease.ts";
import { liveLeases } from "../../../src/store/locks/leases.ts";
import { APP, DIGEST, HALF, LAYER, PATH, startWithApp } from "../../support/registry/served_app.ts";
import { TestService } from "../../support/registry/test_service.ts";
import { until } from "../../support/until.ts";
import { quickTimer } from "../../support/wasm/quick_timer.ts";

Deno.test("a blob is fetched once and then served from the cache, also in parts", async () => {
  await using service = await startWithApp();
  const { registry, layout } = service;
  assert.deepEqual(await service.bytes(PATH), LAYER.bytes);
  assert.deepEqual(await service.bytes(PATH), LAYER.bytes);
  assert.equal(registry.requests(`GET /v2/app/blobs/${DIGEST}`).length, 1);
  const headers = await service.head(PATH);
  assert.equal(headers.get("content-length"), "300000");
  assert.equal(headers.get("etag"), `"${DIGEST}"`);
  assert.equal(headers.get("accept-ranges"), "bytes");
  const ranges: [string, number, number][] = [
    ["bytes=0-0", 0, 1],
    ["bytes=1000-200000", 1000, 200_001],
    ["bytes=299999-", 299_999, 300_000],
    ["bytes=-70000", 230_000, 300_000],
  ];
  for (const [range, start, end] of ranges) {
    const response = await service.request(PATH, { headers: { range } });
    assert.equal(response.status, 206);
    assert.equal(response.headers.get("content-range"), `bytes ${start}-${end - 1}/300000`);
    assert.deepEqual(new Uint8Array(await response.arrayBuffer()), LAYER.bytes.slice(start, end));
  }
  const past = await service.head(PATH, 416, { headers: { range: "bytes=300000-" } });
  assert.equal(past.get("content-range"), "bytes */300000");
  await service.bytes(PATH, 304, { headers: { "if-none-match": `W/"${DIGEST}"` } });
  const changed = { headers: { range: "bytes=0-9", "if-range": '"other"' } };
  assert.deepEqual(await service.bytes(PATH, 200, changed), LAYER.bytes);
  assertStoreSound(layout.root);
});

Deno.test("six clients of a cold blob cost one request and read it while it arrives", async () => {
  await using service = await startWithApp();
  const { registry } = service;
  const gate = new Gate();
  registry.fail(`/blobs/${DIGEST}`, heldAfter(HALF, gate));
  const responses = await Promise.all(
    Array.from(
      { length: 6 },
      (_, i) => service.request(PATH, i === 5 ? { headers: { range: "bytes=100-199" } } : {}),
    ),
  );
  const readers = responses.map((response) => response.body!.getReader());
  const firsts = await Promise.all(readers.map((reader) => reader.read()));
  assert.ok(firsts.every(({ value }) => value!.length > 0), "all have bytes before the end");
  await readers[0]!.cancel();
  gate.open();
  for (const [i, reader] of readers.entries()) {
    if (i === 0) continue;
    const chunks = [firsts[i]!.value!];
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      chunks.push(part.value);
    }
    const bytes = new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer());
    assert.deepEqual(bytes, i === 5 ? LAYER.bytes.slice(100, 200) : LAYER.bytes);
  }
  assert.equal(registry.requests(`GET /v2/app/blobs/${DIGEST}`).length, 1);
  assertStoreSound(service.layout.root);
});

Deno.test("a download goes on without its client", async () => {
  await using service = await startWithApp();
  const gate = new Gate();
  service.registry.fail(`/blobs/${DIGEST}`, heldAfter(HALF, gate));
  const response = await service.request(PATH);
  await response.body!.cancel();
  gate.open();
  const path = service.layout.blob("data", DIGEST as never);
  await until(() => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
  assertStoreSound(service.layout.root);
});

Deno.test("what is being served has a lease, which is one file for all", async () => {
  await using service = await startWithApp();
  const gate = new Gate();
  service.registry.fail(`/blobs/${DIGEST}`, heldAfter(HALF, gate));
  const responses = await Promise.all([service.request(PATH), service.request(PATH)]);
  const leases = liveLeases(service.layout);
  assert.deepEqual(leases.map(({ digests }) => digests), [[DIGEST]]);
  gate.open();
  for (const response of responses) {
    assert.deepEqual(new Uint8Array(await response.arrayBuffer()), LAYER.bytes);
  }
  await service.stop();
  assert.deepEqual(liveLeases(service.layout), []);
});

Deno.test("what is being fetched has a lease before any client has bytes of it", async () => {
  await using service = await startWithApp();
  const gate = new Gate();
  service.registry.fail(`/blobs/${DIGEST}`, held(gate));
  const answer = service.bytes(PATH);
  await gate.reached;
  assert.deepEqual(liveLeases(service.layout).map(({ digests }) => digests), [[DIGEST]]);
  gate.open();
  assert.deepEqual(await answer, LAYER.bytes);
});

Deno.test("a blob that cannot be fetched leaves no lease", async () => {
  await using service = await startWithApp();
  using _ = quickTimer("setTimeout", LINGER);
  service.registry.fail(`/blobs/${DIGEST}`, status(404));
  const response = await service.request(PATH);
  assert.equal(response.status, 404);
  await response.body?.cancel();
  await until(() => liveLeases(service.layout).length === 0);
});

Deno.test("a damaged blob is fetched again, whatever changed about it", async (t) => {
  const damages: Record<string, (path: string) => void> = {
    "other bytes": flipBit,
    "too short": (path) => Deno.truncateSync(path, 1000),
    "missing": (path) => Deno.removeSync(path),
  };
  for (const [name, damage] of Object.entries(damages)) {
    await t.step(name, async () => {
      await using service = await startWithApp();
      await service.bytes(PATH);
      damage(service.layout.blob("data", DIGEST as never));
      assert.deepEqual(await service.bytes(PATH), LAYER.bytes);
      assert.equal(service.registry.downloads(LAYER).length, 2);
      assertStoreSound(service.layout.root);
    });
  }
});

Deno.test("a blob that another program wrote is hashed, and served without a request", async () => {
  await using service = await startWithApp();
  Deno.mkdirSync(service.layout.tree("data"), { recursive: true });
  Deno.writeFileSync(service.layout.blob("data", DIGEST as never), LAYER.bytes);
  assert.deepEqual(await service.bytes(PATH), LAYER.bytes);
  assert.equal(service.registry.downloads(LAYER).length, 0);
});

Deno.test("a blob is served under a repository only if that refers to it", async () => {
  await using service = await startWithApp();
  await service.bytes(PATH);
  service.registry.add("other", image(["else"]), "v1");
  assert.equal(await service.error(`other/blobs/${DIGEST}`), "404 BLOB_UNKNOWN");
  // The registry has it there, although no cached manifest says so.
  service.registry.add("third", APP, "v1");
  assert.deepEqual(await service.bytes(`third/blobs/${DIGEST}`), LAYER.bytes);
  assert.equal(service.registry.downloads(LAYER).length, 1, "it was in the cache already");
});

Deno.test("two servers on one cache fetch a blob once, and both serve it while it arrives", async () => {
  await using service = await startWithApp();
  const { registry } = service;
  const gate = new Gate();
  registry.fail(`/blobs/${DIGEST}`, heldAfter(HALF, gate));
  const first = await service.request(PATH);
  const other = service.another();
  const second = await other.request(PATH);
  const reader = second.body!.getReader();
  const chunks = [(await reader.read()).value!];
  assert.ok(chunks[0]!.length > 0, "before the other has all of it");
  gate.open();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    chunks.push(part.value);
  }
  const bytes = new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer());
  assert.deepEqual(bytes, LAYER.bytes);
  assert.deepEqual(new Uint8Array(await first.arrayBuffer()), LAYER.bytes);
  assert.equal(registry.downloads(LAYER).length, 1);
  await other.stop();
});

Deno.test("blobs of no and of one byte are served", async () => {
  await using service = await TestService.start();
  const [none, one] = [blob(new Uint8Array()), blob(new Uint8Array(1))];
  service.registry.add("app", image([none, one]), "v1");
  await service.bytes("app/manifests/v1");
  for (const each of [none, one, none, one]) {
    assert.deepEqual(await service.bytes(`app/blobs/${each.descriptor.digest}`), each.bytes);
  }
});

Deno.test("a Spin app is served, and stays one that Spin can use", async () => {
  await using service = await TestService.start();
  const app = await spinApp({ files: { "a.txt": "one" }, archived: { "b.txt": "two" } });
  service.registry.add("app", app, "v1");
  await service.bytes("app/manifests/v1");
  for (const each of app.blobs) {
    const path = `app/blobs/${each.descriptor.digest}`;
    assert.deepEqual(await service.bytes(path), each.bytes);
    assert.deepEqual(await service.bytes(path), each.bytes);
    if (each.descriptor.mediaType !== MEDIA_TYPES.spinApplication) continue;
    assert.throws(() => Deno.statSync(join(service.layout.tree("data"), each.descriptor.digest)));
  }
  assertStoreSound(service.layout.root);
});
