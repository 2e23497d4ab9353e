import assert from "node:assert/strict";
import { join } from "node:path";
import {
  type Artifact,
  digestOf,
  image,
  type TestBlob,
  utf8,
  wasmModule,
} from "../support/cache/artifacts.ts";
import { Spin } from "../support/cache/spin.ts";
import { packApp, spinApp } from "../support/cache/spin_apps.ts";
import { assertNoStrayFiles, assertStoreSound, filesBelow } from "../support/cache/store_check.ts";
import { DAY, relativePathOf, writeAsSpin } from "../support/cache/test_cache.ts";
import { age } from "../support/cache/user_cache.ts";
import { Serving } from "../support/cli/serving.ts";
import { QuickUser } from "../support/cli/in_process.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";
import { jsComponent } from "../support/wasm/js_component.ts";

/** Returns the path where Spin keeps a blob. */
function pathOf(user: TestUser, blob: TestBlob): string {
  return join(user.registry, relativePathOf(blob));
}

function entryOf(user: TestUser, host: string): string {
  return join(user.registry, "manifests", host, "hello/v1");
}

const app = () => spinApp({ files: { "index.html": "<h1>hello</h1>" }, module: wasmModule("one") });

Deno.test("list shows an entry of Spin, and pull reuses its blobs", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const artifact = await app();
  const reference = registry.add("hello", artifact, "v1");
  writeAsSpin(user.registry, reference, artifact);

  const listed = await user.larder(["list", "--format", "json"]);
  assert.deepEqual(
    JSON.parse(listed.stdout).map((entry: { reference: string }) => entry.reference),
    [reference],
  );
  const offline = await user.larder(["pull", "--offline", reference]);
  assert.equal(offline.code, 3);
  assert.match(offline.stderr, /hello:v1 was pulled by Spin, .* \[LDR_NOT_CACHED\]/);
  const result = await user.larder(["pull", reference]);
  assert.equal(result.code, 0, result.stderr);
  assert.equal((await user.larder(["pull", "--offline", reference])).code, 0);
  const [, wasm, asset] = artifact.blobs;
  for (const blob of [wasm!, asset!]) assert.equal(registry.downloads(blob).length, 0);
  assertStoreSound(user.registry);
  assertNoStrayFiles(user.registry);
});

Deno.test("pull fetches a blob again that Spin left incomplete", async (t) => {
  const cases: [string, (path: string, bytes: Uint8Array) => void][] = [
    ["cut", (path, bytes) => Deno.truncateSync(path, bytes.length - 1)],
    [
      "wrong bytes of the right length",
      (path, bytes) => Deno.writeFileSync(path, new Uint8Array(bytes.length)),
    ],
  ];
  for (const [name, spoil] of cases) {
    await t.step(name, async () => {
      await using registry = await TestRegistry.start();
      using user = new QuickUser();
      const artifact = await app();
      const reference = registry.add("hello", artifact, "v1");
      writeAsSpin(user.registry, reference, artifact);
      const [, wasm, asset] = artifact.blobs;
      spoil(pathOf(user, wasm!), wasm!.bytes);
      const result = await user.larder(["pull", reference]);
      assert.equal(result.code, 0, result.stderr);
      assert.deepEqual([wasm!, asset!].map((blob) => registry.downloads(blob).length), [1, 0]);
      assertStoreSound(user.registry);
    });
  }
});

Deno.test("pull repairs an entry that Spin has overwritten", async (t) => {
  for (const moved of [false, true]) {
    await t.step(moved ? "the tag has moved" : "the tag is unchanged", async () => {
      await using registry = await TestRegistry.start();
      using user = new QuickUser();
      const mine = await spinApp({ module: wasmModule("one") });
      const spins = await spinApp({ module: wasmModule("two") });
      const reference = registry.add("hello", mine, "v1");
      assert.equal((await user.larder(["pull", reference])).code, 0);
      writeAsSpin(user.registry, reference, spins);
      const expected = moved ? registryMoves(registry) : mine;
      const result = await user.larder(["pull", reference]);
      assert.equal(result.code, 0, result.stderr);
      assert.equal(result.stdout, `${reference}@${expected.descriptor.digest}\n`);
      const shown = Deno.readFileSync(join(entryOf(user, registry.host), "manifest.json"));
      assert.deepEqual(shown, expected.bytes);
      assertStoreSound(user.registry);
      assertNoStrayFiles(user.registry);
    });
  }
});

Deno.test("clean removes an entry of Spin and keeps its shared blobs", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const spins = await app();
  const [, wasm, asset] = spins.blobs;
  const reference = registry.add("other", image([asset!]), "v1");
  writeAsSpin(user.registry, registry.reference("hello", "v1"), spins);
  const old = new Date(Date.now() - 2 * DAY);
  for (const path of filesBelow(user.registry)) Deno.utimeSync(path, old, old);
  assert.equal((await user.larder(["pull", reference])).code, 0);
  const collected = await user.larder(["gc", "--unused", "1d", "--force"]);
  assert.equal(collected.code, 0, collected.stderr);
  assert.deepEqual(filesBelow(entryOf(user, registry.host)), []);
  const left = filesBelow(user.registry);
  assert.ok(!left.includes(pathOf(user, wasm!)), "the module was not removed");
  assert.ok(left.includes(pathOf(user, asset!)), "the shared blob was removed");
  assertStoreSound(user.registry);
  assertNoStrayFiles(user.registry);
});

function registryMoves(registry: TestRegistry): Artifact {
  const next = image(["something else"]);
  registry.add("hello", next, "v1");
  return next;
}

Deno.test("--cache-dir accepts Spin's cache folder", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const artifact = await app();
  const reference = registry.add("hello", artifact, "v1");
  const folder = user.path(".cache/spin");
  const result = await user.larder(["pull", "--cache-dir", folder, reference]);
  assert.equal(result.code, 0, result.stderr);
  assertStoreSound(join(folder, "registry"));
  const config = join(folder, "registry/manifests", registry.host, "hello/v1/config.json");
  assert.equal(JSON.parse(Deno.readTextFileSync(config)).metadata.name, "app");
});

Deno.test("run serves whole what a Spin with larder's file mode left half-written", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const text = "a".repeat(240);
  const pages = {
    wasm: await jsComponent("http_handler"),
    archived: { "page.txt": text, "other.txt": "other" },
  };
  const artifact = await packApp({ components: { pages } });
  const reference = registry.add("hello", artifact, "v1");
  const spin = new Spin(user.registry, 0o077);
  spin.pullAll(reference, artifact);
  const path = join(user.registry, "data", digestOf(utf8(text)));
  Deno.truncateSync(path, 10);
  assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
  await using serving = await Serving.start(user, [reference]);
  assert.deepEqual(await serving.get("/file/page.txt"), [200, text]);
  spin.load(reference);
  for (const layer of artifact.blobs.slice(1, 3)) {
    assert.equal(registry.downloads(layer).length, 0);
  }
  assertStoreSound(user.registry);
});

Deno.test("larder goes on offline with a tag that Spin pulled again, and gc keeps it", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const artifact = await app();
  const reference = registry.add("hello", artifact, "v1");
  assert.equal((await user.larder(["pull", reference])).code, 0);
  const spin = new Spin(user.registry);
  spin.pullAll(reference, artifact);
  age(user);
  assert.equal((await user.larder(["gc", "--force"])).code, 0);
  const offline = await user.larder(["pull", "--offline", reference]);
  assert.equal(offline.code, 0, offline.stderr);
  assert.equal(offline.stdout, `${reference}@${artifact.descriptor.digest}\n`);
  registry.clearLog();
  assert.equal((await user.larder(["pull", reference])).code, 0);
  assert.deepEqual(registry.requests().map(({ method }) => method), ["HEAD"]);
  assert.equal((await user.larder(["verify"])).code, 0);
  spin.load(reference);
});
