import assert from "node:assert/strict";
import { hasCode } from "../../src/base/errors.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { type Manifest, parseManifest } from "../../src/oci/manifest.ts";
import { parsePlatform } from "../../src/oci/platform.ts";
import { type PlatformChoice, selectImages } from "../../src/pull/select_platforms.ts";
import {
  type Artifact,
  image,
  index,
  multiPlatform,
  platformOf,
  repeated,
} from "../support/cache/artifacts.ts";

function select(artifact: Artifact, choice: PlatformChoice = {}, without?: string) {
  const manifests = new Map<string, Manifest>();
  const read = (from: Artifact) => {
    const manifest = parseManifest(from.bytes, "test");
    manifests.set(manifest.digest, manifest);
    from.children.forEach(read);
  };
  read(artifact);
  if (without) manifests.delete(without);
  const load = (digest: Digest) => Promise.resolve(manifests.get(digest));
  return selectImages(parseManifest(artifact.bytes, "test"), choice, "the app", load);
}

const linux = platformOf("linux/amd64");

Deno.test("selectImages selects a single image itself", async () => {
  const artifact = image(["a"]);
  const selection = await select(artifact);
  assert.equal(selection?.chosen.digest, artifact.descriptor.digest);
  assert.equal(selection?.platform, undefined);
  assert.deepEqual(selection?.indexes, []);
});

Deno.test("selectImages selects the image of a platform from an index", async () => {
  const artifact = multiPlatform("linux/amd64", "linux/arm64", "windows/amd64");
  const selection = await select(artifact, { platform: parsePlatform("linux/arm64") });
  assert.equal(selection?.chosen.digest, artifact.children[1]!.descriptor.digest);
  assert.equal(selection?.images.length, 1);
  assert.equal(selection?.indexes[0]?.digest, artifact.descriptor.digest);
});

Deno.test("selectImages selects every image with allPlatforms, and chooses one", async () => {
  const artifact = multiPlatform("plan9/mips", "wasi/wasm");
  const selection = await select(artifact, { allPlatforms: true });
  assert.equal(selection?.images.length, 2);
  assert.equal(selection?.chosen.digest, artifact.children[1]!.descriptor.digest);
});

Deno.test("selectImages follows nested indexes up to a limit", async () => {
  const leaf = image(["deep"]);
  let nested = index([{ artifact: leaf, platform: linux }]);
  nested = index([{ artifact: nested }]);
  assert.equal((await select(nested))?.chosen.digest, leaf.descriptor.digest);
  for (let i = 0; i < 5; i++) nested = index([{ artifact: nested }]);
  await assert.rejects(select(nested), (error) => hasCode(error, "LDR_UNSUPPORTED_MANIFEST"));
});

Deno.test("selectImages follows each manifest once, however often indexes name it", async () => {
  const artifact = repeated(image(["once"]), 100, 4);
  const selection = await select(artifact, { allPlatforms: true });
  assert.equal(selection?.images.length, 1);
  assert.equal(selection?.indexes.length, 4);
});

Deno.test("selectImages lists an index before all that it leads to", async () => {
  const inner = index([{ artifact: image(["inner"]), platform: linux }]);
  const outer = index([{ artifact: inner }]);
  const top = index([{ artifact: inner }, { artifact: outer }]);
  const selection = await select(top, { allPlatforms: true });
  assert.deepEqual(
    selection?.indexes.map(({ digest }) => digest),
    [top, outer, inner].map(({ descriptor }) => descriptor.digest),
  );
});

Deno.test("selectImages returns undefined if a manifest is missing", async () => {
  const artifact = multiPlatform("wasi/wasm");
  assert.equal(await select(artifact, {}, artifact.children[0]!.descriptor.digest), undefined);
});

Deno.test("selectImages fails for a missing platform and lists the available ones", async () => {
  const artifact = index([
    { artifact: image(["a"]), platform: platformOf("plan9/mips") },
    { artifact: image(["b"]), platform: platformOf("linux/arm/v7") },
    { artifact: image(["c"]), platform: platformOf("unknown/unknown") },
  ]);
  await assert.rejects(
    select(artifact, { platform: parsePlatform("linux/s390x") }),
    (error) =>
      hasCode(error, "LDR_NO_PLATFORM") &&
      error.message === "the app has no image for linux/s390x; it has plan9/mips, linux/arm/v7",
  );
});
