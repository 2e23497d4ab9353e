import assert from "node:assert/strict";
import { join } from "node:path";
import { hasCode } from "../../src/base/errors.ts";
import { parseManifest } from "../../src/oci/manifest.ts";
import { parsePlatform } from "../../src/oci/platform.ts";
import { formatReference, type Reference } from "../../src/oci/reference.ts";
import type { EntryRecord } from "../../src/store/entries/app_record.ts";
import { ManifestStore, readEntryRecord } from "../../src/store/manifest_store.ts";
import {
  blob,
  image,
  MEDIA_TYPES,
  multiPlatform,
  randomBytes,
} from "../support/cache/artifacts.ts";
import { TestPuller } from "../support/cache/test_puller.ts";
import { spinApp } from "../support/cache/spin_apps.ts";
import { assertNoStrayFiles, assertStoreSound, filesBelow } from "../support/cache/store_check.ts";

const LAYER = blob(randomBytes(50_000), MEDIA_TYPES.ociLayer);

function recordOf(puller: TestPuller, reference: Reference): EntryRecord {
  const record = readEntryRecord(new ManifestStore(puller.layout).folder(reference));
  assert.ok(record);
  return record;
}

Deno.test("Puller.restore fetches a missing layer by digest and does not resolve the tag", async () => {
  await using puller = await TestPuller.start();
  puller.registry.add("app", image([LAYER, "old"]), "v1");
  const before = await puller.pull();
  const record = recordOf(puller, puller.reference());
  puller.registry.add("app", image(["new"]), "v1");
  Deno.removeSync(puller.layout.blobOf({ ...LAYER.descriptor, digest: before.parts[1]!.digest }));
  puller.registry.clearLog();
  puller.clock.time += 60_000;
  const result = await puller.inner.restore(puller.reference(), record, { transfers: 2 });
  assert.equal(result.digest, before.digest);
  assert.deepEqual([result.freshness, result.cause], ["fetched", "missing"]);
  assert.deepEqual(
    puller.registry.requests().map(({ method, path }) => `${method} ${path}`),
    [`GET /v2/app/blobs/${LAYER.descriptor.digest}`],
  );
  assert.equal(recordOf(puller, puller.reference()).checkedAt, record.checkedAt);
  assertStoreSound(puller.layout.root);
  assertNoStrayFiles(puller.layout.root);
});

Deno.test("Puller.restore completes an entry of which only the record is left", async (t) => {
  for (const options of [{}, { allPlatforms: true }, { platform: parsePlatform("linux/arm/v7") }]) {
    await t.step(JSON.stringify(options), async () => {
      await using puller = await TestPuller.start();
      puller.registry.add("app", multiPlatform("wasi/wasm", "linux/arm/v7"), "v1");
      await puller.pull(options);
      const files = filesBelow(puller.layout.root);
      const record = recordOf(puller, puller.reference());
      for (const path of files) {
        if (!path.endsWith("/v1/record.json")) Deno.removeSync(path);
      }
      await puller.inner.restore(puller.reference(), record, { transfers: 2 });
      assert.deepEqual(filesBelow(puller.layout.root), files);
      assertStoreSound(puller.layout.root);
      const { allPlatforms, platform, manifestDigest } = recordOf(puller, puller.reference());
      assert.deepEqual(
        [allPlatforms, platform, manifestDigest],
        [record.allPlatforms, record.platform, record.manifestDigest],
      );
    });
  }
});

Deno.test("Puller.restore fetches a foreign layer if the record says so", async () => {
  await using puller = await TestPuller.start();
  const urls = [puller.registry.addFile("/base", LAYER.bytes)];
  const layer = blob(LAYER.bytes, MEDIA_TYPES.ociForeignLayer, { urls });
  puller.registry.add("app", image([layer, "own"]), "v1");
  await puller.pull({ foreign: true });
  await puller.pull();
  const files = filesBelow(puller.layout.root);
  const record = recordOf(puller, puller.reference());
  Deno.removeSync(join(puller.layout.tree("data"), LAYER.descriptor.digest));
  await puller.inner.restore(puller.reference(), record, { transfers: 2 });
  assert.deepEqual(filesBelow(puller.layout.root), files);
  assert.equal(recordOf(puller, puller.reference()).foreign, true);
});

Deno.test("Puller.restore publishes a missing index although all parts are there", async () => {
  await using puller = await TestPuller.start();
  const many = multiPlatform("wasi/wasm");
  puller.registry.add("app", many, "v1");
  const { digest } = await puller.pull();
  const files = filesBelow(puller.layout.root);
  const record = recordOf(puller, puller.reference());
  Deno.removeSync(puller.layout.digestFolder(puller.reference(), digest), { recursive: true });
  await puller.inner.restore(puller.reference(), record, { transfers: 2 });
  assert.deepEqual(filesBelow(puller.layout.root), files);
});

Deno.test("Puller.restore sends no request for a complete entry", async () => {
  await using puller = await TestPuller.start();
  puller.registry.add("app", image([LAYER]), "v1");
  await puller.pull();
  puller.registry.clearLog();
  const record = recordOf(puller, puller.reference());
  const result = await puller.inner.restore(puller.reference(), record, { transfers: 2 });
  assert.equal(result.freshness, "unchecked");
  assert.deepEqual(puller.registry.requests(), []);
});

Deno.test("Puller.restore keeps the other files if the registry has lost a blob", async () => {
  await using puller = await TestPuller.start();
  puller.registry.add("app", image([LAYER, "other"]), "v1");
  await puller.pull();
  puller.registry.removeBlob("app", LAYER);
  Deno.removeSync(join(puller.layout.tree("data"), LAYER.descriptor.digest));
  const files = filesBelow(puller.layout.root);
  const record = recordOf(puller, puller.reference());
  const restored = puller.inner.restore(puller.reference(), record, { transfers: 2 });
  await assert.rejects(restored, (error) => hasCode(error, "LDR_NOT_FOUND"));
  assert.deepEqual(filesBelow(puller.layout.root), files);
});

Deno.test("Puller.restoreSpinEntry fetches and unpacks only blobs", async () => {
  await using puller = await TestPuller.start();
  const app = await spinApp({ files: { "a.txt": "one" }, archived: { "b.txt": "two" } });
  const reference = puller.reference();
  puller.registry.add("app", app, "v1");
  await puller.pull();
  const folder = new ManifestStore(puller.layout).folder(reference);
  const whole = filesBelow(puller.layout.root);
  const config = blob(app.blobs[0]!.bytes);
  // As Spin leaves an entry: no record, no folder of the digest, no config among the blobs.
  Deno.removeSync(join(folder, "record.json"));
  Deno.removeSync(puller.layout.digestFolder(reference, recordDigest(app)), { recursive: true });
  const spinFiles = whole.filter((path) => !/record\.json|manifests.*sha256/.test(path))
    .filter((path) => !path.endsWith(config.descriptor.digest));
  for (const tree of ["data", "wasm"] as const) {
    Deno.removeSync(puller.layout.tree(tree), { recursive: true });
  }
  const manifest = parseManifest(app.bytes, formatReference(reference));
  assert.equal(manifest.kind, "image");
  await puller.inner.restoreSpinEntry(reference, manifest, { transfers: 2 });
  assert.deepEqual(filesBelow(puller.layout.root), spinFiles);
});

function recordDigest(artifact: { bytes: Uint8Array }) {
  return parseManifest(artifact.bytes, "the app").digest;
}
