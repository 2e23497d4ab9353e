import assert from "node:assert/strict";
import { join } from "node:path";
import { blob, image, MEDIA_TYPES, randomBytes } from "../../support/cache/artifacts.ts";
import { flipBit } from "../../support/cache/damage.ts";
import { spinApp } from "../../support/cache/spin_apps.ts";
import { assertNoStrayFiles, assertStoreSound, partials } from "../../support/cache/store_check.ts";
import { Gate } from "../../support/gate.ts";
import {
  type Fault,
  held,
  heldAfter,
  html,
  longBody,
  onRange,
  resetAfter,
  shortBody,
  shortChunks,
  status,
  tooManyRequests,
  truncatedAfter,
  wrongBytes,
} from "../../support/registry/faults.ts";
import { LINGER } from "../../../src/serve/blobs/serving_lease.ts";
import { liveLeases } from "../../../src/store/locks/leases.ts";
import { TestService } from "../../support/registry/test_service.ts";
import { until } from "../../support/until.ts";
import { quickTimer } from "../../support/wasm/quick_timer.ts";

const LAYER = blob(randomBytes(300_000));
const { digest: DIGEST } = LAYER.descriptor;
const APP = image([LAYER, "small"]);
const HALF = 150_000;
/** The position of the last byte. */
const LAST = 299_999;
const PATH = `app/blobs/${DIGEST}`;

/** Starts a service with an image behind it, whose manifest is cached. */
async function startWithApp(): Promise<TestService> {
  const service = await TestService.start();
  service.registry.add("app", APP, "v1");
  await service.bytes("app/manifests/v1");
  return service;
}

/** Reads a body until it fails or ends. */
async function readAll(response: Response): Promise<{ bytes: Uint8Array; failed: boolean }> {
  const chunks: Uint8Array[] = [];
  const reader = response.body!.getReader();
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      chunks.push(part.value);
    }
    return {
      bytes: new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer()),
      failed: false,
    };
  } catch {
    return {
      bytes: new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer()),
      failed: true,
    };
  }
}

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

const RETRIED: Record<string, Fault> = {
  reset: resetAfter(HALF),
  "reset before the first byte": resetAfter(0),
  "reset before the last byte": resetAfter(LAST),
  "closed before the last byte": truncatedAfter(LAST),
  "too short, in order": shortChunks(HALF),
  "503": status(503),
};

Deno.test("a download that breaks off is continued while clients read", async (t) => {
  for (const [name, fault] of Object.entries(RETRIED)) {
    await t.step(name, async () => {
      await using service = await startWithApp();
      service.registry.fail(`/blobs/${DIGEST}`, fault, 1);
      assert.deepEqual(await service.bytes(PATH), LAYER.bytes);
      assertStoreSound(service.layout.root);
      assertNoStrayFiles(withoutLeases(service.layout.root));
    });
  }
});

Deno.test("a registry that starts over at each request is followed all the same", async () => {
  await using service = await startWithApp();
  service.registry.ranges = false;
  service.registry.fail(`/blobs/${DIGEST}`, resetAfter(HALF), 1);
  assert.deepEqual(await service.bytes(PATH), LAYER.bytes);
});

const WRONG: Record<string, Fault> = {
  "wrong bytes": wrongBytes,
  "one byte too many": longBody(new Uint8Array(1)),
  "announced too short": shortBody(HALF),
  html,
};

Deno.test("no client ever gets a complete wrong body", async (t) => {
  for (const [name, fault] of Object.entries(WRONG)) {
    await t.step(name, async () => {
      await using service = await startWithApp();
      service.registry.fail(`/blobs/${DIGEST}`, fault);
      const response = await service.request(PATH);
      if (response.status === 200) {
        const { bytes, failed } = await readAll(response);
        assert.ok(failed, `${bytes.length} bytes`);
        assert.ok(bytes.length < LAYER.bytes.length);
      } else {
        await response.body?.cancel();
        assert.equal(response.status, 502);
      }
      assertStoreSound(service.layout.root);
      service.registry.heal();
      assert.deepEqual(await service.bytes(PATH), LAYER.bytes);
    });
  }
});

Deno.test("a download that fails to its end cuts the clients off", async (t) => {
  for (const end of [HALF, LAST]) {
    await t.step(`after ${end} bytes`, async () => {
      await using service = await startWithApp();
      service.registry.fail(`/blobs/${DIGEST}`, resetAfter(end), 1);
      service.registry.fail(`/blobs/${DIGEST}`, status(404));
      const { bytes, failed } = await readAll(await service.request(PATH));
      assert.ok(failed);
      assert.deepEqual(bytes, LAYER.bytes.slice(0, bytes.length));
      assert.equal(partials(service.layout.root).length, 1);
      service.registry.heal();
      service.registry.clearLog();
      assert.deepEqual(await service.bytes(PATH), LAYER.bytes);
      const [request] = service.registry.downloads(LAYER);
      assert.match(request!.headers.get("range")!, /^bytes=[1-9]/, "it is continued");
    });
  }
});

Deno.test("a registry's 429 for a blob is passed on with Retry-After, unless it is cached", async () => {
  await using service = await startWithApp();
  const { registry } = service;
  registry.fail("/v2/", tooManyRequests("3600"));
  const unknown = `app/blobs/sha256:${"0".repeat(64)}`;
  for (const path of [PATH, unknown]) {
    for (const method of ["GET", "HEAD"]) {
      const response = await service.request(path, { method });
      await response.body?.cancel();
      assert.deepEqual([response.status, response.headers.get("retry-after")], [429, "3600"]);
    }
  }
  registry.heal();
  const next = service.another();
  await next.bytes(PATH);
  registry.fail("/v2/", tooManyRequests("3600"));
  assert.deepEqual(await next.bytes(PATH), LAYER.bytes);
  await next.stop();
});

Deno.test("damage in a partial download of earlier never reaches a client as a whole", async () => {
  await using service = await startWithApp();
  const { layout, registry } = service;
  Deno.mkdirSync(layout.partials, { recursive: true });
  Deno.writeFileSync(layout.partial(DIGEST as never), new Uint8Array(HALF));
  registry.fail(`/blobs/${DIGEST}`, onRange((answer) => answer));
  const { bytes, failed } = await readAll(await service.request(PATH));
  assert.ok(failed, `${bytes.length} bytes arrived`);
  assert.deepEqual(await service.bytes(PATH), LAYER.bytes);
  assertStoreSound(layout.root);
});

Deno.test("clients finish if the cache is deleted while they read", async () => {
  await using service = await startWithApp();
  const gate = new Gate();
  service.registry.fail(`/blobs/${DIGEST}`, heldAfter(HALF, gate), 1);
  const response = await service.request(PATH);
  Deno.removeSync(service.layout.root, { recursive: true });
  gate.open();
  assert.deepEqual(new Uint8Array(await response.arrayBuffer()), LAYER.bytes);
  assert.deepEqual(await service.bytes("app/manifests/v1"), APP.bytes);
  assert.deepEqual(await service.bytes(PATH), LAYER.bytes);
  assertStoreSound(service.layout.root);
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

/** The server's lease is there as long as it serves. */
function withoutLeases(root: string): string {
  Deno.removeSync(join(root, "leases"), { recursive: true });
  return root;
}
