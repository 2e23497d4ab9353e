import assert from "node:assert/strict";
import { join } from "node:path";
import { writeImageLayout } from "../../src/exchange/write_image_layout.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { Layout } from "../../src/store/layout.ts";
import { digestOf, HOST_PLATFORM, image, multiPlatform } from "../support/cache/artifacts.ts";
import { filesBelow } from "../support/cache/store_check.ts";
import { TestCache } from "../support/cache/test_cache.ts";
import { failureOf } from "../support/failure_of.ts";

const NAME = "docker.io/library/app:v1";

function source(cache: TestCache, name = NAME) {
  return { layout: new Layout(cache.registry), reference: parseReference(name) };
}

/** Fails unless every blob has the digest of its name; returns the digests and the parsed `index.json`. */
function readLayout(folder: string) {
  const files = filesBelow(join(folder, "blobs"));
  const digests = files.map((path) => {
    const [algorithm, hex] = path.split("/").slice(-2);
    assert.equal(digestOf(Deno.readFileSync(path), algorithm as "sha256"), `${algorithm}:${hex}`);
    return `${algorithm}:${hex}`;
  });
  assert.equal(Deno.readTextFileSync(join(folder, "oci-layout")), '{"imageLayoutVersion":"1.0.0"}');
  return { digests, index: JSON.parse(Deno.readTextFileSync(join(folder, "index.json"))) };
}

Deno.test("writeImageLayout writes the manifest and blobs of a reference under their digests", async () => {
  using cache = new TestCache();
  const artifact = image(["one", "two"]);
  cache.pulled(NAME, artifact);
  const folder = join(cache.path, "out");
  await writeImageLayout(folder, source(cache));
  const { digests, index } = readLayout(folder);
  const expected = [artifact, ...artifact.blobs].map(({ descriptor }) => descriptor.digest);
  assert.deepEqual(digests.sort(), expected.sort());
  assert.equal(index.manifests[0].digest, artifact.descriptor.digest);
  assert.equal(index.manifests[0].annotations["org.opencontainers.image.ref.name"], NAME);
});

Deno.test("writeImageLayout names the image of the one platform that is cached", async () => {
  using cache = new TestCache();
  const whole = multiPlatform(HOST_PLATFORM, "linux/s390x");
  cache.pulled(NAME, { ...whole, children: whole.children.slice(0, 1) });
  const folder = join(cache.path, "out");
  await writeImageLayout(folder, source(cache));
  const { digests, index } = readLayout(folder);
  const [root] = index.manifests;
  assert.equal(root.digest, whole.children[0]!.descriptor.digest);
  assert.equal(root.annotations["dev.larder.index"], whole.descriptor.digest);
  assert(digests.includes(whole.descriptor.digest));
});

Deno.test("writeImageLayout fails if something is missing or damaged in the cache", async () => {
  using cache = new TestCache();
  const artifact = image(["one", "two"]);
  cache.pulled(NAME, artifact);
  const layer = join(cache.registry, "data", artifact.blobs[1]!.descriptor.digest);
  const folder = join(cache.path, "out");
  assert.equal(
    (await failureOf(writeImageLayout(folder, source(cache, "other")))).code,
    "LDR_NOT_CACHED",
  );
  await writeImageLayout(join(cache.path, "good"), source(cache));
  const { mtime } = Deno.statSync(layer);
  Deno.writeTextFileSync(layer, "ONE");
  Deno.utimeSync(layer, mtime!, mtime!);
  assert.equal(
    (await failureOf(writeImageLayout(folder, source(cache)))).code,
    "LDR_DIGEST_MISMATCH",
  );
  Deno.removeSync(layer);
  assert.equal((await failureOf(writeImageLayout(folder, source(cache)))).code, "LDR_NOT_CACHED");
});
