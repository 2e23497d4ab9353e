import assert from "node:assert/strict";
import {
  type Artifact,
  HOST_PLATFORM,
  image,
  index,
  type IndexEntry,
  multiPlatform,
  platformOf,
} from "../support/cache/artifacts.ts";
import { assertNoStrayFiles, assertStoreSound } from "../support/cache/store_check.ts";
import { QuickUser } from "../support/cli/in_process.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";

const OTHER = HOST_PLATFORM === "linux/amd64" ? "linux/arm64" : "linux/amd64";

/** Returns the platforms whose layers a pull requested. */
function fetchedPlatforms(registry: TestRegistry, artifact: Artifact): string[] {
  return artifact.children.filter((child) => registry.downloads(child.blobs[1]!).length > 0)
    .map((child) => new TextDecoder().decode(child.blobs[1]!.bytes).replace("layer of ", ""));
}

Deno.test("pull --platform compares the config of an image without an index", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const artifact = image(["layer"], { platform: platformOf("linux/arm/v6") });
  const reference = registry.add("app", artifact, "v1");
  const refused = async () => {
    const result = await user.larder(["pull", "--platform", "linux/amd64", reference]);
    assert.equal(result.code, 3, result.stderr);
    assert.match(
      result.stderr,
      /^error: \S+\/app:v1 is for linux\/arm\/v6, not for linux\/amd64 \[LDR_NO_PLATFORM\]\nhint: leave out --platform/m,
    );
  };
  await refused();
  assert.deepEqual(registry.downloads(artifact.blobs[1]!), [], "a layer was fetched");
  for (const platform of ["linux/arm/v6", "linux/arm/v7"]) {
    const fits = await user.larder(["pull", "--platform", platform, reference]);
    assert.equal(fits.code, 0, fits.stderr);
  }
  registry.clearLog();
  await refused();
  assert.deepEqual(registry.requests("/blobs/"), []);
  const offline = await user.larder(["pull", "--offline", "--platform", "linux/amd64", reference]);
  assert.equal(offline.code, 3, offline.stderr);
  assertNoStrayFiles(user.registry);
});

Deno.test("pull selects one platform of an index", async (t) => {
  const cases: { offered: string[]; options: string[]; chosen: string }[] = [
    { offered: [OTHER, HOST_PLATFORM, "wasi/wasm"], options: [], chosen: HOST_PLATFORM },
    { offered: ["windows/amd64", "wasi/wasm", OTHER], options: [], chosen: "wasi/wasm" },
    { offered: ["windows/amd64", "wasip1/wasm", OTHER], options: [], chosen: "wasip1/wasm" },
    {
      offered: ["linux/arm64", "linux/s390x"],
      options: ["--platform", "aarch64"],
      chosen: "linux/arm64",
    },
    { offered: ["plan9/mips"], options: [], chosen: "plan9/mips" },
    { offered: ["unknown/unknown", "plan9/mips"], options: [], chosen: "plan9/mips" },
    { offered: [HOST_PLATFORM, OTHER], options: ["--platform", OTHER], chosen: OTHER },
    {
      offered: [HOST_PLATFORM, "wasi/wasm"],
      options: ["--platform", "wasi/wasm"],
      chosen: "wasi/wasm",
    },
    {
      offered: ["linux/arm/v6", "linux/arm/v7"],
      options: ["--platform", "linux/arm/v7"],
      chosen: "linux/arm/v7",
    },
    {
      offered: ["linux/arm/v5", "linux/arm/v6"],
      options: ["--platform", "linux/arm/v7"],
      chosen: "linux/arm/v6",
    },
    {
      offered: ["linux/amd64", "linux/arm64/v8"],
      options: ["--platform", "linux/arm64"],
      chosen: "linux/arm64/v8",
    },
    {
      offered: [HOST_PLATFORM, OTHER],
      options: ["--platform", OTHER.toUpperCase()],
      chosen: OTHER,
    },
  ];
  for (const { offered, options, chosen } of cases) {
    await t.step(`${options.join(" ")} of ${offered.join(", ")}: ${chosen}`, async () => {
      await using registry = await TestRegistry.start();
      using user = new TestUser();
      const artifact = multiPlatform(...offered);
      const reference = registry.add("app", artifact, "v1");
      const result = await user.larder(["pull", ...options, reference]);
      assert.equal(result.code, 0, result.stderr);
      assert.equal(result.stdout, `${reference}@${artifact.descriptor.digest}\n`);
      assert.deepEqual(fetchedPlatforms(registry, artifact), [chosen]);
      assertStoreSound(user.registry);
      assertNoStrayFiles(user.registry);
    });
  }
});

Deno.test("pull exits with 3 and lists the platforms if an index lacks the requested one", async (t) => {
  const cases: { offered: string[]; options: string[] }[] = [
    { offered: ["windows/amd64", "plan9/mips"], options: [] },
    { offered: [HOST_PLATFORM, "linux/riscv64"], options: ["--platform", "linux/s390x"] },
    { offered: [HOST_PLATFORM], options: ["--platform", OTHER] },
    { offered: ["linux/arm/v7"], options: ["--platform", "linux/arm/v6"] },
  ];
  for (const { offered, options } of cases) {
    await t.step(`${options.join(" ")} of ${offered.join(", ")}`, async () => {
      await using registry = await TestRegistry.start();
      using user = new QuickUser();
      const reference = registry.add("app", multiPlatform("unknown/unknown", ...offered), "v1");
      const result = await user.larder(["pull", ...options, reference]);
      assert.equal(result.code, 3, result.stderr);
      assert.match(result.stderr, /^error: .*\[LDR_NO_PLATFORM\]\nhint: .*--platform/m);
      for (const platform of offered) assert.ok(result.stderr.includes(platform), result.stderr);
      assert.doesNotMatch(result.stderr, /unknown\/unknown/);
      assert.deepEqual(registry.requests("/blobs/"), []);
    });
  }
});

Deno.test("pull exits with 3 for an index of attestations, even with --platform unknown/unknown", async (t) => {
  for (const options of [[], ["--platform", "unknown/unknown"]]) {
    await t.step(options.join(" ") || "default", async () => {
      await using registry = await TestRegistry.start();
      using user = new QuickUser();
      const reference = registry.add("app", multiPlatform("unknown/unknown"), "v1");
      const result = await user.larder(["pull", ...options, reference]);
      assert.equal(result.code, 3, result.stderr);
      assert.match(result.stderr, /\[LDR_NO_PLATFORM\]/);
    });
  }
});

Deno.test("pull --all-platforms fetches every platform, and a later pull fetches nothing", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const offered = ["linux/amd64", "linux/arm64", "wasi/wasm"];
  const artifact = multiPlatform(...offered);
  const reference = registry.add("app", artifact, "v1");
  const result = await user.larder(["pull", "--all-platforms", reference]);
  assert.equal(result.code, 0, result.stderr);
  assert.deepEqual(fetchedPlatforms(registry, artifact).sort(), offered);
  assertStoreSound(user.registry);
  assertNoStrayFiles(user.registry);

  registry.clearLog();
  for (const platform of offered) {
    const later = await user.larder(["pull", "--offline", "--platform", platform, reference]);
    assert.equal(later.code, 0, later.stderr);
  }
  assert.deepEqual(registry.requests(), []);
});

Deno.test("pull --all-platforms after single platforms says that the entry is for all of them", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const reference = registry.add("app", multiPlatform("linux/amd64", "linux/arm64"), "v1");
  const pull = async (...options: string[]) => {
    const { code, stderr } = await user.larder(["pull", ...options, reference]);
    assert.equal(code, 0, stderr);
    return stderr;
  };
  assert.match(await pull("--platform", "linux/amd64"), /, for linux\/amd64\n/);
  assert.match(await pull("--all-platforms"), /: fetched .*, for all platforms\n/);
  await user.larder(["clean", "--force"]);
  await pull("--platform", "linux/amd64");
  await pull("--platform", "linux/arm64");
  for (const policy of ["missing", "always"]) {
    const changed = await pull("--all-platforms", "--policy", policy);
    if (policy === "missing") assert.match(changed, /v1 is now for all platforms, nothing was/);
    else assert.match(changed, /v1 is current/);
  }
});

Deno.test("pull --all-platforms succeeds without a platform for this machine", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const offered = ["plan9/mips", "windows/amd64"];
  const artifact = multiPlatform(...offered);
  const result = await user.larder([
    "pull",
    "--all-platforms",
    registry.add("app", artifact, "v1"),
  ]);
  assert.equal(result.code, 0, result.stderr);
  assert.deepEqual(fetchedPlatforms(registry, artifact).sort(), offered);
  assertStoreSound(user.registry);
});

Deno.test("pull --platform fetches only the missing platform of a cached index", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const artifact = multiPlatform(HOST_PLATFORM, OTHER);
  const reference = registry.add("app", artifact, "v1");
  assert.equal((await user.larder(["pull", reference])).code, 0);
  registry.clearLog();
  const result = await user.larder(["pull", "--platform", OTHER, reference]);
  assert.equal(result.code, 0, result.stderr);
  assert.deepEqual(fetchedPlatforms(registry, artifact), [OTHER]);
  assertStoreSound(user.registry);
});

Deno.test("pull follows an index in an index", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const inner = multiPlatform(HOST_PLATFORM, OTHER);
  const outer = index([{ artifact: inner, platform: platformOf(HOST_PLATFORM) }]);
  const result = await user.larder(["pull", registry.add("app", outer, "v1")]);
  assert.equal(result.code, 0, result.stderr);
  assert.deepEqual(fetchedPlatforms(registry, inner), [HOST_PLATFORM]);
  assertStoreSound(user.registry);
});

Deno.test("pull rejects an index that is nested too deeply", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  let artifact = multiPlatform(HOST_PLATFORM);
  for (let depth = 0; depth < 8; depth++) {
    artifact = index([{ artifact, platform: platformOf(HOST_PLATFORM) }]);
  }
  const result = await user.larder(["pull", registry.add("app", artifact, "v1")]);
  assert.equal(result.code, 1, result.stderr);
  assert.match(result.stderr, /\[LDR_UNSUPPORTED_MANIFEST\]/);
  assertNoStrayFiles(user.registry);
});

Deno.test("pull selects a manifest without a platform if the index lists no other", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const entries: IndexEntry[] = [{ artifact: image(["layer of nothing"]) }];
  const result = await user.larder(["pull", registry.add("app", index(entries), "v1")]);
  assert.equal(result.code, 0, result.stderr);
  assertStoreSound(user.registry);
});
