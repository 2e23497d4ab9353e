import assert from "node:assert/strict";
import type { Folder, Oddments } from "../../src/gc/folders.ts";
import { fileOf, stampOf } from "../../src/gc/folders.ts";
import { RegistryTrees } from "../../src/gc/registry_trees.ts";
import { Layout } from "../../src/store/layout.ts";
import { image, multiPlatform } from "../support/artifacts.ts";
import { CacheFolder, DAY } from "../support/cache_folder.ts";

interface Trees {
  readonly trees: { registry: string; folder: Folder }[];
  readonly oddments: Oddments;
}

async function read(cache: CacheFolder, isAhead: boolean): Promise<Trees> {
  const oddments: Oddments = { rubbish: [], foreign: [], emptyFolders: [] };
  using registries = new RegistryTrees(new Layout(cache.registry), oddments, isAhead);
  const trees = await Array.fromAsync(registries.read(oddments));
  for (const list of [oddments.rubbish, oddments.foreign]) {
    list.sort((a, b) => a.path < b.path ? -1 : 1);
  }
  return { trees, oddments };
}

/** A tree, with what its files hold, whether they were read along or are read now. */
function whole(folder: Folder): object {
  const { path, name, isEmpty, files, folders } = folder;
  const held = [...files].sort().map((file) => [
    file,
    fileOf(folder, file)?.bytes,
    stampOf(folder, file),
  ]);
  return { path, name, isEmpty, held, folders: folders.map(whole) };
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

Deno.test("a thread reads along what every entry needs", async () => {
  using cache = filled();
  const { trees } = await read(cache, true);
  const app = trees.find(({ folder }) => folder.name === "acme")!.folder.folders[0]!;
  const tag = app.folders.find(({ name }) => name === "v1")!;
  assert.deepEqual([...tag.read!.keys()].sort(), ["manifest.json", "record.json"]);
  const digests = app.folders.filter(({ name }) => name.startsWith("sha256"));
  assert.deepEqual(digests.map(({ read }) => read), [undefined, undefined]);
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
