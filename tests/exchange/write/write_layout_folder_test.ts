import assert from "node:assert/strict";
import { join } from "node:path";
import { layoutFiles } from "../../../src/exchange/write/layout_files.ts";
import { referenceContent } from "../../../src/exchange/content/reference_content.ts";
import { writeLayoutFolder } from "../../../src/exchange/write/write_layout_folder.ts";
import { parseReference } from "../../../src/oci/reference.ts";
import { Layout } from "../../../src/store/layout.ts";
import { digestOf, HOST_PLATFORM, image, multiPlatform } from "../../support/cache/artifacts.ts";
import { filesBelow } from "../../support/cache/store_check.ts";
import { TestCache } from "../../support/cache/test_cache.ts";
import { failureOf } from "../../support/failure_of.ts";

const NAME = "docker.io/library/app:v1";

async function writeLayout(folder: string, cache: TestCache, name = NAME): Promise<void> {
  const content = await referenceContent(new Layout(cache.registry), parseReference(name));
  await writeLayoutFolder(folder, layoutFiles([content]));
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

Deno.test("writeLayoutFolder writes the manifest and blobs of a reference under their digests", async () => {
  using cache = new TestCache();
  const artifact = image(["one", "two"]);
  cache.pulled(NAME, artifact);
  const folder = join(cache.path, "out");
  await writeLayout(folder, cache);
  const { digests, index } = readLayout(folder);
  const expected = [artifact, ...artifact.blobs].map(({ descriptor }) => descriptor.digest);
  assert.deepEqual(digests.sort(), expected.sort());
  assert.equal(index.manifests[0].digest, artifact.descriptor.digest);
  assert.equal(index.manifests[0].annotations["org.opencontainers.image.ref.name"], NAME);
});

Deno.test("writeLayoutFolder names the image of the one platform that is cached", async () => {
  using cache = new TestCache();
  const whole = multiPlatform(HOST_PLATFORM, "linux/s390x");
  cache.pulled(NAME, { ...whole, children: whole.children.slice(0, 1) });
  const folder = join(cache.path, "out");
  await writeLayout(folder, cache);
  const { digests, index } = readLayout(folder);
  const [root] = index.manifests;
  assert.equal(root.digest, whole.children[0]!.descriptor.digest);
  assert.equal(root.annotations["dev.larder.index"], whole.descriptor.digest);
  assert(digests.includes(whole.descriptor.digest));
});

Deno.test("writeLayoutFolder fails if something is missing or damaged in the cache", async () => {
  using cache = new TestCache();
  const artifact = image(["one", "two"]);
  cache.pulled(NAME, artifact);
  const layer = join(cache.registry, "data", artifact.blobs[1]!.descriptor.digest);
  const folder = join(cache.path, "out");
  assert.equal(
    (await failureOf(writeLayout(folder, cache, "other"))).code,
    "LDR_NOT_CACHED",
  );
  await writeLayout(join(cache.path, "good"), cache);
  const { mtime } = Deno.statSync(layer);
  Deno.writeTextFileSync(layer, "ONE");
  Deno.utimeSync(layer, mtime!, mtime!);
  assert.equal(
    (await failureOf(writeLayout(folder, cache))).code,
    "LDR_DIGEST_MISMATCH",
  );
  Deno.removeSync(layer);
  assert.equal((await failureOf(writeLayout(folder, cache))).code, "LDR_NOT_CACHED");
});
