import assert from "node:assert/strict";
import { join } from "node:path";
import { blob, image, multiPlatform } from "../support/cache/artifacts.ts";
import { relativePathOf, TestCache } from "../support/cache/test_cache.ts";
import { spinApp } from "../support/cache/spin_apps.ts";
import { contentOf, only, referenced, snapshotOf } from "../support/cache/snapshots.ts";

const ONE = image(["one layer", "shared"]);
const TWO = image(["another layer", "shared"]);

Deno.test("takeSnapshot calls the record of another folder damaged", async () => {
  using cache = new TestCache();
  const folder = cache.package("debian/hello/2.10/amd64", blob("package"));
  Deno.renameSync(folder, join(folder, "..", "arm64"));
  const snapshot = await snapshotOf(cache);
  const entry = only(snapshot);
  assert.deepEqual([entry.name, entry.digest, entry.references], [
    "debian/hello/2.10/arm64",
    undefined,
    [],
  ]);
  assert.match(entry.problem!, /record/);
});

for (
  const [what, arch] of [
    ["is empty", ""],
    ["is too long", "a".repeat(256)],
    ["is half a surrogate pair", "\ud800"],
  ] as const
) {
  Deno.test(`takeSnapshot calls a package damaged if a part ${what}, and reads the others`, async () => {
    using cache = new TestCache();
    const folder = cache.package("debian/hello/2.10/amd64", blob("package"));
    const path = join(folder, "record.json");
    const record = JSON.parse(Deno.readTextFileSync(path));
    Deno.writeTextFileSync(path, JSON.stringify({ ...record, arch }));
    cache.package("debian/hello/2.11/amd64", blob("other"));
    const { entries } = await snapshotOf(cache);
    assert.deepEqual(entries.map(({ name }) => name), [
      "debian/hello/2.10/amd64",
      "debian/hello/2.11/amd64",
    ]);
    assert.deepEqual(entries.map(({ problem }) => problem), [
      "its record is missing or damaged",
      undefined,
    ]);
  });
}

for (
  const [name, spoil] of [
    ["missing", (folder: string) => Deno.removeSync(join(folder, "manifest.json"))],
    ["truncated", (folder: string) => Deno.truncateSync(join(folder, "manifest.json"), 20)],
    ["empty", (folder: string) => Deno.truncateSync(join(folder, "manifest.json"), 0)],
    ["a web page", (folder: string) => {
      Deno.writeTextFileSync(join(folder, "manifest.json"), "<html>");
    }],
  ] as const
) {
  Deno.test(`takeSnapshot references what the record names if the manifest is ${name}`, async () => {
    using cache = new TestCache();
    const folder = cache.pulled("ghcr.io/acme/app:v1", ONE);
    cache.pulled("ghcr.io/acme/other:v1", TWO);
    spoil(folder);
    const snapshot = await snapshotOf(cache);
    const [damaged, other] = snapshot.entries;
    assert.equal(damaged!.name, "ghcr.io/acme/app:v1");
    assert.equal(damaged!.writtenBy, "larder");
    assert.equal(damaged!.record?.digest, ONE.descriptor.digest);
    assert.deepEqual(referenced(snapshot, damaged!), contentOf("ghcr.io/acme/app", ONE));
    assert.ok(damaged!.problem);
    assert.equal(other!.problem, undefined);
    assert.deepEqual(referenced(snapshot, other!), contentOf("ghcr.io/acme/other", TWO));
    assert.equal(snapshot.size, cache.size());
  });
}

Deno.test("takeSnapshot references nothing without a manifest and a record", async () => {
  using cache = new TestCache();
  const folder = cache.pulled("ghcr.io/acme/app:v1", ONE);
  Deno.removeSync(join(folder, "manifest.json"));
  Deno.truncateSync(join(folder, "record.json"), 20);
  assert.ok(only(await snapshotOf(cache)).problem);
  assert.deepEqual(only(await snapshotOf(cache)).references, []);
});

Deno.test("takeSnapshot references every platform of an index if the tag's own manifest is missing", async () => {
  using cache = new TestCache();
  const all = multiPlatform("linux/amd64", "linux/arm64");
  Deno.removeSync(join(cache.pulled("ghcr.io/acme/app:v1", all), "manifest.json"));
  const snapshot = await snapshotOf(cache);
  assert.deepEqual(referenced(snapshot, only(snapshot)), contentOf("ghcr.io/acme/app", all));
});

Deno.test("takeSnapshot references the chosen platform if the index of a digest is damaged", async () => {
  using cache = new TestCache();
  const all = multiPlatform("linux/amd64", "linux/arm64");
  const folder = cache.pulledByDigest("ghcr.io/acme/app", all);
  Deno.writeTextFileSync(join(folder, "manifest.json"), "{}");
  const snapshot = await snapshotOf(cache);
  assert.ok(only(snapshot).problem);
  assert.deepEqual(
    referenced(snapshot, only(snapshot)),
    contentOf("ghcr.io/acme/app", all.children[0]!),
  );
});

Deno.test("takeSnapshot references nothing if the manifest of a digest is damaged", async () => {
  using cache = new TestCache();
  const folder = cache.pulledByDigest("ghcr.io/acme/app", ONE);
  Deno.writeTextFileSync(join(folder, "manifest.json"), "{}");
  const snapshot = await snapshotOf(cache);
  assert.ok(only(snapshot).problem);
  assert.deepEqual(only(snapshot).references, []);
  assert.deepEqual(only(snapshot).ownFiles, ["record.json"]);
  assert.equal(snapshot.size, cache.size());
});

Deno.test("takeSnapshot references what a tag's own manifest names if its index is damaged", async () => {
  using cache = new TestCache();
  const all = multiPlatform("linux/amd64", "linux/arm64");
  cache.pulled("ghcr.io/acme/app:v1", all);
  const path = join("manifests/ghcr.io/acme/app", all.descriptor.digest, "manifest.json");
  cache.write(path, "{}");
  const snapshot = await snapshotOf(cache);
  assert.match(only(snapshot).problem!, /index/);
  assert.deepEqual(
    referenced(snapshot, only(snapshot)),
    contentOf("ghcr.io/acme/app", all.children[0]!),
  );
});

Deno.test("takeSnapshot references the layers of an app whose locked app cannot be read", async () => {
  using cache = new TestCache();
  const app = await spinApp({ archived: { "a.txt": "packed" } });
  const folder = cache.pulledBySpin("ghcr.io/acme/app:v1", app);
  Deno.writeTextFileSync(join(folder, "config.json"), "{");
  const snapshot = await snapshotOf(cache);
  assert.ok(only(snapshot).problem);
  assert.ok(referenced(snapshot, only(snapshot)).includes(relativePathOf(app.blobs[1]!)));
});
