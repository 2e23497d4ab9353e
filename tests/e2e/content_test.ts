import assert from "node:assert/strict";
import { join } from "node:path";
import {
  blob,
  digestOf,
  HOST_PLATFORM,
  image,
  index,
  manifestOf,
  MEDIA_TYPES,
  multiPlatform,
  platformOf,
  sha512Blob,
  type TestBlob,
  utf8,
  wasmArtifact,
  wasmModule,
} from "../support/cache/artifacts.ts";
import { spinApp } from "../support/cache/spin_apps.ts";
import { assertNoStrayFiles, assertStoreSound, filesBelow } from "../support/cache/store_check.ts";
import { QuickUser } from "../support/cli/in_process.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { withHeader } from "../support/registry/faults.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";

function pathOf(user: TestUser, tree: "data" | "wasm", { descriptor }: TestBlob): string {
  return join(user.registry, tree, descriptor.digest);
}

function assertIn(user: TestUser, tree: "data" | "wasm", blob: TestBlob): void {
  assert.deepEqual(Deno.readFileSync(pathOf(user, tree, blob)), blob.bytes);
  const other = tree === "data" ? "wasm" : "data";
  assert.throws(() => Deno.statSync(pathOf(user, other, blob)), Deno.errors.NotFound);
}

async function pullGood(user: TestUser, reference: string, ...options: string[]) {
  const result = await user.larder(["pull", ...options, reference]);
  assert.equal(result.code, 0, result.stderr);
  assertStoreSound(user.registry);
  assertNoStrayFiles(user.registry);
  return result;
}

Deno.test("pull stores a blob in wasm/ or data/ by its media type", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const wasm = [
    blob(wasmModule("a"), "application/vnd.wasm.content.layer.v1+wasm"),
    blob(wasmModule("b"), "application/wasm"),
  ];
  const data = [
    blob("tar", MEDIA_TYPES.ociLayer),
    blob("static", MEDIA_TYPES.spinData),
    blob(wasmModule("c"), "application/octet-stream"),
    blob("anything", "application/vnd.example.unheard.of"),
  ];
  await pullGood(user, registry.add("app", image([...wasm, ...data]), "v1"));
  for (const layer of wasm) assertIn(user, "wasm", layer);
  for (const layer of data) assertIn(user, "data", layer);
});

Deno.test("pull stores the registry's manifest and the image's config in the entry", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const artifact = image(["one"], { annotations: { note: "kept byte by byte" } });
  await pullGood(user, registry.add("team/app", artifact, "v1"));
  const folder = join(user.registry, "manifests", registry.host, "team/app");
  for (const name of ["v1", artifact.descriptor.digest]) {
    assert.deepEqual(Deno.readFileSync(join(folder, name, "manifest.json")), artifact.bytes);
    assert.deepEqual(
      Deno.readFileSync(join(folder, name, "config.json")),
      artifact.blobs[0]!.bytes,
    );
  }
});

Deno.test(
  "pull writes files that only the user can read",
  { ignore: Deno.build.os === "windows" },
  async () => {
    await using registry = await TestRegistry.start();
    using user = new TestUser();
    await pullGood(user, registry.add("app", image(["one"]), "v1"));
    const open = filesBelow(user.registry).filter((path) => Deno.statSync(path).mode! & 0o077);
    assert.deepEqual(open, []);
    assert.equal(Deno.statSync(user.registry).mode! & 0o777, 0o700);
    assert.equal(Deno.statSync(join(user.registry, "data")).mode! & 0o777, 0o700);
  },
);

Deno.test("pull accepts Docker's schema 2 and manifest lists", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const platform = platformOf(HOST_PLATFORM);
  const docker = image(["docker layer"], { docker: true });
  const result = await pullGood(user, registry.add("app", docker, "v1"));
  assert.ok(result.stdout.endsWith(`@${docker.descriptor.digest}\n`));
  const list = index([{ artifact: docker, platform }], { docker: true });
  const listed = await pullGood(user, registry.add("app", list, "list"));
  assert.ok(listed.stdout.endsWith(`@${list.descriptor.digest}\n`));
});

Deno.test("pull takes the type of a manifest without mediaType from the header or its members", async (t) => {
  const config = blob("{}", MEDIA_TYPES.ociConfig);
  const layer = blob("one");
  const document = { schemaVersion: 2, config: config.descriptor, layers: [layer.descriptor] };
  const contents = { blobs: [config, layer] };
  for (const type of [MEDIA_TYPES.ociManifest, "application/json"]) {
    await t.step(type, async () => {
      await using registry = await TestRegistry.start();
      using user = new QuickUser();
      const reference = registry.add("app", manifestOf(document, type, contents), "v1");
      await pullGood(user, reference);
    });
  }
});

Deno.test("pull ignores parameters of Content-Type", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const reference = registry.add("app", image(["one"]), "v1");
  const type = `${MEDIA_TYPES.ociManifest}; charset=utf-8`;
  registry.fail("/manifests/", withHeader("Content-Type", type));
  await pullGood(user, reference);
});

Deno.test("pull fetches empty, repeated and sha512 blobs and images without layers", async (t) => {
  const cases: [string, TestBlob[]][] = [
    ["empty", [blob("")]],
    ["one byte", [blob("x")]],
    ["sha512", [sha512Blob("named by its sha512")]],
    ["empty and sha512", [sha512Blob("")]],
    ["Wasm by sha512", [sha512Blob(wasmModule("long"), MEDIA_TYPES.wasm)]],
    ["no layer at all", []],
  ];
  for (const [name, layers] of cases) {
    await t.step(name, async () => {
      await using registry = await TestRegistry.start();
      using user = new QuickUser();
      const reference = registry.add("app", image(layers), "v1");
      await pullGood(user, reference);
      registry.clearLog();
      await pullGood(user, reference);
      assert.deepEqual(registry.requests("/blobs/"), []);
    });
  }
});

Deno.test("pull fetches a repeated layer once", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const [repeated, single] = [blob("again"), blob("once")];
  const artifact = image([repeated, single, repeated, repeated]);
  await pullGood(user, registry.add("app", artifact, "v1"));
  assert.equal(registry.downloads(repeated).length, 1);
});

Deno.test("pull stores content that is both Wasm and a static file in data/", async (t) => {
  // Spin looks for a component in wasm/ and then in data/, for a static file only in data/.
  const bytes = wasmModule("both");
  const [asWasm, asData] = [blob(bytes, MEDIA_TYPES.spinWasm), blob(bytes, MEDIA_TYPES.spinData)];
  for (const layers of [[asWasm, asData], [asData, asWasm]]) {
    await t.step(layers.map(({ descriptor }) => descriptor.mediaType).join(", "), async () => {
      await using registry = await TestRegistry.start();
      using user = new QuickUser();
      await pullGood(user, registry.add("app", image(layers), "v1"));
      assert.deepEqual(Deno.readFileSync(pathOf(user, "data", asData)), bytes);
    });
  }
});

Deno.test("pull reuses a cached layer of another repository", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const shared = blob("shared");
  await pullGood(user, registry.add("team/a", image([shared]), "v1"));
  const result = await pullGood(user, registry.add("team/b", image([shared, "own"]), "v1"));
  assert.equal(registry.downloads(shared).length, 1);
  assert.match(result.stderr, /fetched 1 layer .*reused 1 layer/);
});

Deno.test("pull skips foreign layers with a note unless --foreign is given", async (t) => {
  for (const type of [MEDIA_TYPES.ociForeignLayer, MEDIA_TYPES.dockerForeignLayer]) {
    await t.step(type, async () => {
      await using registry = await TestRegistry.start();
      await using elsewhere = await TestRegistry.start();
      using user = new TestUser();
      const urls = [elsewhere.addFile("/layers/base.tar.gz", utf8("foreign"))];
      const foreign = blob("foreign", type, { urls });
      const artifact = image([foreign, "own"]);
      const reference = registry.add("app", artifact, "v1");
      registry.removeBlob("app", foreign);

      const skipped = await pullGood(user, reference);
      assert.match(skipped.stderr, new RegExp(`skipped.*${foreign.descriptor.digest}.*--foreign`));
      assert.equal(elsewhere.requests().length, 0);
      assert.throws(() => Deno.statSync(pathOf(user, "data", foreign)), Deno.errors.NotFound);

      const fetched = await pullGood(user, reference, "--foreign");
      assert.match(fetched.stderr, /fetched 1 layer/);
      assertIn(user, "data", foreign);

      Deno.writeTextFileSync(pathOf(user, "data", foreign), "damaged");
      const repaired = await user.larder(["verify", "--repair"]);
      assert.equal(repaired.code, 0, repaired.stderr);
      assertIn(user, "data", foreign);

      const next = blob("the next", type, { urls: [elsewhere.addFile("/next", utf8("the next"))] });
      registry.add("app", image([next, "own"]), "v1");
      const updated = await user.larder(["update", "--all"]);
      assert.equal(updated.code, 0, updated.stderr);
      assertIn(user, "data", next);
    });
  }
});

Deno.test("pull makes no request for content embedded in its descriptor", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const embedded = blob("embedded", MEDIA_TYPES.ociLayer, { data: utf8("embedded").toBase64() });
  const reference = registry.add("app", image([embedded]), "v1");
  registry.removeBlob("app", embedded);
  await pullGood(user, reference);
  assert.equal(registry.requests(embedded.descriptor.digest).length, 0);
});

Deno.test("pull stores the module of a Wasm artifact in wasm/", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const artifact = wasmArtifact(wasmModule("component"));
  await pullGood(user, registry.add("app", artifact, "v1"));
  assertIn(user, "wasm", artifact.blobs[1]!);
});

Deno.test("pull stores a Spin app where Spin reads it", async (t) => {
  for (const old of [false, true]) {
    await t.step(
      old ? "before Spin 2.0: the config is the locked app" : "the locked app is a layer",
      async () => {
        await using registry = await TestRegistry.start();
        using user = new QuickUser();
        const assets = { "index.html": "<h1>hello</h1>", "style.css": "" };
        const inlined = { "tiny.txt": "inlined content needs no blob" };
        const artifact = await spinApp({ files: assets, inlined, old });
        await pullGood(user, registry.add("team/hello", artifact, "v1"));

        const config = join(user.registry, "manifests", registry.host, "team/hello/v1/config.json");
        const lockedApp = JSON.parse(Deno.readTextFileSync(config));
        assert.equal(lockedApp.spin_lock_version, 0);
        const [component] = lockedApp.components;
        assert.deepEqual(
          Deno.readFileSync(join(user.registry, "wasm", component.source.digest)),
          wasmModule("spin"),
        );
        for (const file of component.files.filter((file: { digest?: string }) => file.digest)) {
          assert.equal(
            Deno.readTextFileSync(join(user.registry, "data", file.digest)),
            assets[file.path as keyof typeof assets],
          );
        }
      },
    );
  }
});

Deno.test("pull keeps a Spin archive and stores each of its files by digest", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const archived = { "a.txt": "one", "folder/b.txt": "two", "folder/empty.txt": "" };
  const artifact = await spinApp({ archived, files: { "plain.txt": "three" } });
  const reference = registry.add("app", artifact, "v1");
  await pullGood(user, reference);
  const archive = artifact.blobs.find(({ descriptor }) =>
    descriptor.mediaType === MEDIA_TYPES.spinArchive
  )!;
  assertIn(user, "data", archive);
  for (const text of Object.values(archived)) {
    assert.equal(Deno.readTextFileSync(join(user.registry, "data", digestOf(utf8(text)))), text);
  }

  Deno.removeSync(join(user.registry, "data", digestOf(utf8("two"))));
  registry.clearLog();
  await pullGood(user, reference);
  assert.deepEqual(registry.requests("/blobs/"), [], "the cached archive is unpacked again");
});

Deno.test("list shows a pulled entry", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const artifact = multiPlatform("linux/amd64", "linux/arm64");
  const reference = registry.add("app", artifact, "v1");
  await pullGood(user, reference);
  const { code, stdout } = await user.larder(["list", "--format", "json"]);
  assert.equal(code, 0);
  const [entry, ...others] = JSON.parse(stdout);
  assert.deepEqual(others, []);
  assert.equal(entry.reference, reference);
  assert.equal(entry.digest, artifact.descriptor.digest);
});
