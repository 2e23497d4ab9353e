import assert from "node:assert/strict";
import { join } from "node:path";
import { image } from "../../support/cache/artifacts.ts";
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
import { APP, DIGEST, HALF, LAYER, PATH, startWithApp } from "../../support/registry/served_app.ts";

/** The position of the last byte. */
const LAST = 299_999;

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

const REFUSED: Record<string, Fault> = {
  "404": status(404),
  "403": status(403),
  "resets all connections": resetAfter(HALF),
  "ends too early": shortChunks(HALF),
};

Deno.test("a client does not depend on the repository that another one named for the same blob", async (t) => {
  for (const [name, fault] of Object.entries(REFUSED)) {
    await t.step(name, async () => {
      await using service = await startWithApp();
      const { registry } = service;
      registry.add("other", APP, "v1");
      await service.bytes("other/manifests/v1");
      const gate = new Gate();
      registry.fail(`/v2/app/blobs/${DIGEST}`, async (answer, request) => {
        await gate.pass();
        return await fault(answer, request);
      });
      const first = service.request(PATH);
      await gate.reachedBy(first);
      const second = service.bytes(`other/blobs/${DIGEST}`);
      // Once this is answered, the second request has joined the download.
      await service.bytes("other/manifests/v1");
      gate.open();
      assert.deepEqual(await second, LAYER.bytes);
      await (await first).body?.cancel();
      assertStoreSound(service.layout.root);
    });
  }
});

Deno.test("a manifest that states a wrong size for a blob does not disturb its download", async () => {
  await using service = await startWithApp();
  const { registry } = service;
  const wrong = { ...LAYER, descriptor: { ...LAYER.descriptor, size: 1000 } };
  registry.add("liar", image([wrong]), "v1");
  await service.bytes("liar/manifests/v1");
  const gate = new Gate();
  registry.fail(`/v2/liar/blobs/${DIGEST}`, held(gate), 1);
  const path = `liar/blobs/${DIGEST}`;
  const first = service.request(path).then(readAll);
  await gate.reachedBy(first);
  const second = service.bytes(PATH);
  await service.bytes("app/manifests/v1");
  gate.open();
  assert.deepEqual(await second, LAYER.bytes);
  assert.notEqual((await first).bytes.length, 1000);
});

/** The server's lease is there as long as it serves. */
function withoutLeases(root: string): string {
  Deno.removeSync(join(root, "leases"), { recursive: true });
  return root;
}
