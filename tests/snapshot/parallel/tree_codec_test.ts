import assert from "node:assert/strict";
import { readSubtree } from "../../../src/snapshot/entry_folders.ts";
import { buffersOf, packTree, unpackTree } from "../../../src/snapshot/parallel/tree_codec.ts";
import { readAlong } from "../../../src/snapshot/read_entry_files.ts";
import { image, multiPlatform } from "../../support/cache/artifacts.ts";
import { CacheFolder, DAY } from "../../support/cache/cache_folder.ts";

function filled(): CacheFolder {
  const cache = new CacheFolder();
  cache.pulled("ghcr.io/acme/app:v1", image(["one"]), { used: DAY, pinned: true });
  cache.pulled("ghcr.io/acme/app:v2", multiPlatform("linux/amd64", "linux/arm64"));
  cache.spins("ghcr.io/acme/deep/er:v1", image(["spin"]));
  Deno.mkdirSync(`${cache.registry}/manifests/ghcr.io/acme/empty/er`, { recursive: true });
  return cache;
}

/** Without what was looked for and not read. */
function plain(folder: object): unknown {
  return JSON.parse(
    JSON.stringify(folder, (_, value) => value instanceof Set ? [...value] : value),
  );
}

Deno.test("a tree is unpacked as it was packed", () => {
  using cache = filled();
  const parent = `${cache.registry}/manifests/ghcr.io`;
  const tree = readAlong(
    readSubtree(parent, "acme", { rubbish: [], foreign: [], emptyFolders: [] }),
  );
  const packed = packTree(tree);
  const handedOver = structuredClone(packed, { transfer: buffersOf(packed) });
  assert.equal(packed.bytes.length, 0, "its bytes are handed over, not copied");
  assert.deepEqual(plain(unpackTree(handedOver, parent)), plain(tree));
});

Deno.test("times that no file system told stay unknown", () => {
  using cache = filled();
  const parent = `${cache.registry}/manifests/ghcr.io`;
  const folder = readSubtree(parent, "acme", { rubbish: [], foreign: [], emptyFolders: [] });
  const bytes = new Uint8Array([1, 2, 3]);
  const stamps = [undefined, { size: 3, modified: undefined, created: undefined }];
  for (const stamp of stamps) {
    const read = { "record.json": { bytes, stamp } };
    const tree = unpackTree(packTree({ ...folder, folders: [], read }), parent);
    assert.deepEqual(tree.read, read);
  }
});
