import assert from "node:assert/strict";
import { fileOf, type Folder, type Oddments } from "../../../src/snapshot/entry_folders.ts";
import { RegistryTrees } from "../../../src/snapshot/parallel/registry_trees.ts";
import { Layout } from "../../../src/store/layout.ts";
import { image, multiPlatform } from "../../support/cache/artifacts.ts";
import { CacheFolder, DAY } from "../../support/cache/cache_folder.ts";
import { withBrokenThreads } from "../../support/wasm/threads.ts";

interface Trees {
  readonly trees: { registry: string; folder: Folder }[];
  readonly oddments: Oddments;
}

async function read(cache: CacheFolder, hasThread: boolean): Promise<Trees> {
  const oddments: Oddments = { rubbish: [], foreign: [], emptyFolders: [] };
  using registries = new RegistryTrees(new Layout(cache.registry), oddments, hasThread);
  const trees = await Array.fromAsync(registries.read(oddments));
  for (const list of [oddments.rubbish, oddments.foreign]) {
    list.sort((a, b) => a.path < b.path ? -1 : 1);
  }
  trees.sort((a, b) => a.folder.path < b.folder.path ? -1 : 1);
  return { trees, oddments: { ...oddments, emptyFolders: oddments.emptyFolders.toSorted() } };
}

/** A tree, with what was read along. */
function whole({ path, name, isEmpty, files, folders, read = {} }: Folder): object {
  const below = folders.map(whole);
  const held = Object.entries(read).filter(([, file]) => file !== undefined);
  return { path, name, isEmpty, files: [...files], held: Object.fromEntries(held), below };
}

function filled(): CacheFolder {
  const cache = new CacheFolder();
  for (const tag of ["v1", "v2"]) {
    cache.pulled(`ghcr.io/acme/app:${tag}`, image([tag]), { used: DAY, pinned: tag === "v1" });
  }
  cache.pulled("ghcr.io/other/deep/er/app:v1", multiPlatform("linux/amd64", "linux/arm64"));
  cache.pulled("quay.io/one:v1", image(["one"]));
  cache.pulledByDigest("quay.io/two", image(["two"]));
  const tag = "manifests/ghcr.io/acme/app/v1";
  for (const path of ["manifests/x", "manifests/quay.io/y", `${tag}/z`]) cache.write(path, path);
  cache.write(`${tag}/record.json.tmp`, "rest");
  cache.write("manifests/quay.io/pin.json.tmp", "rest");
  for (const path of ["empty.io", "quay.io/nothing/at/all"]) {
    Deno.mkdirSync(`${cache.registry}/manifests/${path}`, { recursive: true });
  }
  return cache;
}

Deno.test("a thread reads the trees as they are read without one", async () => {
  using cache = filled();
  const [ahead, now] = [await read(cache, true), await read(cache, false)];
  assert.deepEqual(ahead.oddments, now.oddments);
  assert.deepEqual(
    ahead.trees.map(({ registry, folder }) => [registry, whole(folder)]),
    now.trees.map(({ registry, folder }) => [registry, whole(folder)]),
  );
});

Deno.test("a thread that fails leaves the trees to who waits for them", async () => {
  using cache = filled();
  const now = await read(cache, false);
  const failed = await withBrokenThreads(() => read(cache, true));
  assert.deepEqual(failed.oddments, now.oddments);
  assert.deepEqual(
    failed.trees.map(({ folder }) => whole(folder)),
    now.trees.map(({ folder }) => whole(folder)),
  );
});

Deno.test("with the trees comes what their entries need", async () => {
  using cache = filled();
  const { trees } = await read(cache, true);
  const app = trees.find(({ folder }) => folder.name === "acme")!.folder.folders[0]!;
  const tag = app.folders.find(({ name }) => name === "v1")!;
  assert.deepEqual(Object.keys(tag.read!).sort(), ["manifest.json", "record.json"]);
  const digests = app.folders.filter(({ name }) => name.startsWith("sha256"));
  assert.equal(digests.length, 2);
  for (const { read } of digests) assert.equal(read!["manifest.json"], undefined, "a tag has it");
});

Deno.test("of digests the manifests come that no tag beside them has", async () => {
  using cache = filled();
  const { trees } = await read(cache, true);
  const two = trees.find(({ folder }) => folder.name === "two")!.folder.folders[0]!;
  const { bytes, digest } = two.read!["manifest.json"]!;
  assert.equal(two.name, digest);
  assert.equal(JSON.parse(new TextDecoder().decode(bytes)).schemaVersion, 2);
});

Deno.test("a file that cannot be read is left to whoever needs it", async () => {
  using cache = filled();
  const path = `${cache.registry}/manifests/quay.io/one/v1/record.json`;
  const { readFileSync } = Deno;
  try {
    Deno.readFileSync = (asked) => {
      if (asked === path) throw new Deno.errors.PermissionDenied("not yours");
      return readFileSync(asked);
    };
    const { trees } = await read(cache, false);
    const one = trees.find(({ folder }) => folder.name === "one")!.folder;
    const tag = one.folders.find(({ name }) => name === "v1")!;
    assert.deepEqual(Object.keys(tag.read!).filter((name) => tag.read![name]), ["manifest.json"]);
    assert.throws(() => fileOf(tag, "record.json"), { code: "LDR_PERMISSION" });
  } finally {
    Deno.readFileSync = readFileSync;
  }
});

Deno.test("what is odd in the trees is told", async () => {
  using cache = filled();
  const { oddments } = await read(cache, true);
  const relative = (path: string) => path.slice(cache.registry.length + "/manifests/".length);
  assert.deepEqual(oddments.foreign.map(({ path }) => relative(path)), [
    "ghcr.io/acme/app/v1/z",
    "quay.io/y",
    "x",
  ]);
  assert.deepEqual(oddments.rubbish.map(({ path }) => relative(path)), [
    "ghcr.io/acme/app/v1/record.json.tmp",
    "quay.io/pin.json.tmp",
  ]);
  assert.deepEqual(oddments.emptyFolders.map(relative).sort(), [
    "empty.io",
    "quay.io/nothing",
    "quay.io/nothing/at",
    "quay.io/nothing/at/all",
  ]);
});

Deno.test("a tree that is deleted after it was listed holds nothing", async () => {
  using cache = filled();
  const oddments: Oddments = { rubbish: [], foreign: [], emptyFolders: [] };
  using registries = new RegistryTrees(new Layout(cache.registry), oddments, false);
  Deno.removeSync(`${cache.registry}/manifests`, { recursive: true });
  const trees = await Array.fromAsync(registries.read(oddments));
  assert.equal(trees.length, 5);
  assert.ok(trees.every(({ folder }) => folder.isEmpty));
});
