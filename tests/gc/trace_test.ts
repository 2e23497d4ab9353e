import assert from "node:assert/strict";
import { tracePath } from "../../src/gc/trace.ts";
import { takeSnapshot } from "../../src/snapshot/snapshot.ts";
import { asDigest } from "../../src/oci/digest.ts";
import { Layout } from "../../src/store/layout.ts";
import {
  type Artifact,
  blob,
  digestOf,
  image,
  MEDIA_TYPES,
  multiPlatform,
  utf8,
} from "../support/cache/artifacts.ts";
import { TestCache } from "../support/cache/test_cache.ts";
import { spinApp } from "../support/cache/spin_apps.ts";

const SPIN = await spinApp({ files: { "a.txt": "asset" }, archived: { "b.txt": "unpacked" } });
const CODE = blob("machine code", "application/octet-stream");

/** `kind note` of each step from the only entry to a digest. */
async function chain(
  fill: (cache: TestCache) => void,
  digest: string,
): Promise<string[] | undefined> {
  using cache = new TestCache();
  fill(cache);
  const snapshot = await takeSnapshot(new Layout(cache.registry), cache.now);
  assert.equal(snapshot.entries.length, 1);
  const links = tracePath(snapshot, snapshot.entries[0]!, asDigest(digest)!);
  if (links) assert.equal(links.at(-1)!.digest, digest);
  return links?.map(({ kind, note }) => note === undefined ? kind : `${kind} ${note}`);
}

const pulled = (artifact: Artifact) => (cache: TestCache) => {
  cache.pulled("ghcr.io/acme/app:v1", artifact);
};
const spins = (artifact: Artifact) => (cache: TestCache) => {
  cache.pulledBySpin("ghcr.io/acme/app:v1", artifact);
  cache.blobs([blob("unpacked")]);
};
const unlisted = (cache: TestCache) => {
  pulled(SPIN)(cache);
  cache.blobs([blob("more")]);
  const list = `${digest(blob("unpacked"))} 8\n${digest(blob("more"))} 4\n`;
  cache.write(`archives/${of(SPIN, MEDIA_TYPES.spinArchive)}`, list);
};
const digest = ({ descriptor }: { descriptor: { digest: string } }) => descriptor.digest;
const of = (artifact: Artifact, mediaType: string) =>
  digest(artifact.blobs.find(({ descriptor }) => descriptor.mediaType === mediaType)!);

Deno.test("tracePath leads from an entry to content through the manifests and apps that name it", async (t) => {
  const app = image(["layer"]);
  const many = multiPlatform("linux/amd64", "linux/arm64");
  const arm = many.children[1]!;
  const unpacked = digestOf(utf8("unpacked"));
  const cases: [string, (cache: TestCache) => void, string, string[] | undefined][] = [
    ["the manifest", pulled(app), digest(app), ["manifest"]],
    ["a config", pulled(app), digest(app.blobs[0]!), [
      "manifest",
      `config ${MEDIA_TYPES.ociConfig}`,
    ]],
    ["a layer", pulled(app), digest(app.blobs[1]!), ["manifest", `layer ${MEDIA_TYPES.ociLayer}`]],
    ["an index", pulled(many), digest(many), ["index"]],
    ["a platform", pulled(many), digest(arm), ["index", "manifest linux/arm64"]],
    ["a platform's layer", pulled(many), digest(arm.blobs[1]!), [
      "index",
      "manifest linux/arm64",
      `layer ${MEDIA_TYPES.ociLayer}`,
    ]],
    ["a module", pulled(SPIN), of(SPIN, MEDIA_TYPES.spinWasm), [
      "manifest",
      `layer ${MEDIA_TYPES.spinWasm}`,
    ]],
    ["a file from an archive", pulled(SPIN), unpacked, [
      "manifest",
      "file b.txt of the component hello, unpacked from an archive",
    ]],
    ["a file that only the archive names", unlisted, digest(blob("more")), [
      "manifest",
      `layer ${MEDIA_TYPES.spinArchive}`,
      "file unpacked from the archive",
    ]],
    ["a layer of Spin's", spins(SPIN), of(SPIN, MEDIA_TYPES.spinData), [
      `layer ${MEDIA_TYPES.spinData}`,
    ]],
    ["a file of Spin's", spins(SPIN), unpacked, [
      "file b.txt of the component hello, unpacked from an archive",
    ]],
    [
      "compiled code",
      (cache) => {
        cache.compiled(digestOf(utf8("component")), "v1", [CODE]);
      },
      digest(CODE),
      ["file"],
    ],
    ["content that it does not need", pulled(app), digest(CODE), undefined],
    [
      "content that compiled code does not need",
      (cache) => {
        cache.compiled(digestOf(utf8("component")), "v1", [CODE]);
      },
      unpacked,
      undefined,
    ],
  ];
  for (const [name, fill, target, expected] of cases) {
    await t.step(name, async () => assert.deepEqual(await chain(fill, target), expected));
  }
});

Deno.test("tracePath finds the chosen platform without its index", async () => {
  const many = multiPlatform("linux/amd64", "linux/arm64");
  const chosen = many.children[0]!;
  const links = await chain((cache) => {
    cache.pulled("ghcr.io/acme/app:v1", many);
    Deno.removeSync(`${cache.registry}/manifests/ghcr.io/acme/app/${digest(many)}`, {
      recursive: true,
    });
  }, digest(chosen.blobs[1]!));
  assert.deepEqual(links, ["manifest", `layer ${MEDIA_TYPES.ociLayer}`]);
});
