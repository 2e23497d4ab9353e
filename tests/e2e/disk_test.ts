import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { blob, image, randomBytes } from "../support/cache/artifacts.ts";
import { spinApp } from "../support/cache/spin_apps.ts";
import { assertNoStrayFiles, assertStoreSound, filesBelow } from "../support/cache/store_check.ts";
import { DAY } from "../support/cache/test_cache.ts";
import { MountedFolder, mountTest } from "../support/cli/mounts.ts";
import { QuickUser } from "../support/cli/in_process.ts";
import { type Result, TestUser } from "../support/cli/test_user.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";

const APP = image([blob(randomBytes(64 * 1024)), "small"]);

function assertDiskError(result: Result, code: string): void {
  assert.equal(result.code, 7, result.stderr);
  assert.equal(result.stdout, "");
  assert.match(result.stderr, new RegExp(`^error: .*\\[${code}\\]\nhint: .+\n$`, "m"));
}

mountTest("pull exits with 7 on a full disk and succeeds once there is space", async () => {
  await using registry = await TestRegistry.start();
  await using disk = await MountedFolder.tmpfs("2m");
  using user = new TestUser();
  const reference = registry.add("app", image([blob(randomBytes(1024 * 1024)), "small"]), "v1");
  const ballast = join(disk.path, "ballast");
  Deno.writeFileSync(ballast, randomBytes(1536 * 1024));

  const result = await user.larder(["--cache-dir", disk.path, "pull", reference]);
  assertDiskError(result, "LDR_DISK_FULL");
  assertStoreSound(join(disk.path, "registry"));
  assert.deepEqual(filesBelow(join(disk.path, "registry/manifests")), []);

  Deno.removeSync(ballast);
  const again = await user.larder(["--cache-dir", disk.path, "pull", reference]);
  assert.equal(again.code, 0, again.stderr);
  assertStoreSound(join(disk.path, "registry"));
  assertNoStrayFiles(join(disk.path, "registry"));
});

mountTest("pull exits with 7 on a disk without room for a file", async () => {
  await using registry = await TestRegistry.start();
  await using disk = await MountedFolder.tmpfs("64k");
  using user = new QuickUser();
  Deno.writeFileSync(join(disk.path, "ballast"), randomBytes(64 * 1024));
  const reference = registry.add("app", APP, "v1");
  const result = await user.larder(["--cache-dir", disk.path, "pull", reference]);
  assertDiskError(result, "LDR_DISK_FULL");
});

mountTest("pull exits with 7 on a disk that fills up while an archive is unpacked", async () => {
  await using registry = await TestRegistry.start();
  await using disk = await MountedFolder.tmpfs("1m");
  using user = new TestUser();
  const artifact = await spinApp({ archived: { "zeros.txt": "0".repeat(4 * 1024 * 1024) } });
  const reference = registry.add("app", artifact, "v1");
  const result = await user.larder(["--cache-dir", disk.path, "pull", reference]);
  assertDiskError(result, "LDR_DISK_FULL");
  assertStoreSound(join(disk.path, "registry"));
});

mountTest("pull uses cached content on a full disk", async () => {
  await using registry = await TestRegistry.start();
  await using disk = await MountedFolder.tmpfs("1m");
  using user = new TestUser();
  const pull = (...args: string[]) => user.larder(["--cache-dir", disk.path, "pull", ...args]);
  const reference = registry.add("app", APP, "v1");
  assert.equal((await pull(reference)).code, 0);
  fill(join(disk.path, "ballast"));
  for (const args of [["--offline"], []]) {
    const result = await pull(...args, reference);
    assert.equal(result.code, 0, result.stderr);
  }

  registry.add("app", image([blob(randomBytes(64 * 1024, "new"))]), "v1");
  assertDiskError(await pull(reference), "LDR_DISK_FULL");
  const still = await pull("--offline", reference);
  assert.equal(still.code, 0, still.stderr);
  assertStoreSound(join(disk.path, "registry"), { midway: true });
});

/** Fills a disk. */
function fill(path: string): void {
  using file = Deno.openSync(path, { write: true, create: true });
  const zeros = new Uint8Array(4096);
  try {
    for (;;) file.writeSync(zeros);
  } catch {
    // The disk is full.
  }
}

mountTest("gc and clean free space on a full disk", async (t) => {
  for (const command of ["gc", "clean"]) {
    await t.step(command, async () => {
      await using registry = await TestRegistry.start();
      await using disk = await MountedFolder.tmpfs("1m");
      using user = new TestUser();
      const larder = (...args: string[]) => user.larder(["--cache-dir", disk.path, ...args]);
      const reference = registry.add("app", APP, "v1");
      assert.equal((await larder("pull", reference)).code, 0);
      const registryFolder = join(disk.path, "registry");
      const old = new Date(Date.now() - 2 * DAY);
      for (const path of filesBelow(registryFolder)) Deno.utimeSync(path, old, old);
      fill(join(disk.path, "ballast"));
      const collected = await larder(
        command,
        ...command === "gc" ? ["--unused", "1d"] : [],
        "--force",
      );
      assert.equal(collected.code, 0, collected.stderr);
      assert.match(collected.stderr, /freed /);
      for (const tree of ["data", "manifests"]) {
        assert.deepEqual(filesBelow(join(registryFolder, tree)), []);
      }
      assert.equal((await larder("pull", reference)).code, 0, "there is room again");
      assertStoreSound(registryFolder);
    });
  }
});

mountTest("pull exits with 7 in a read-only folder", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  Deno.mkdirSync(user.cache, { recursive: true });
  await using disk = await MountedFolder.readOnly(user.cache);
  const reference = registry.add("app", APP, "v1");
  const result = await user.larder(["--cache-dir", disk.path, "pull", reference]);
  assertDiskError(result, "LDR_READ_ONLY");
});

mountTest("pull uses cached content in a read-only cache", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const reference = registry.add("app", APP, "v1");
  const byDigest = `${registry.host}/app@${APP.descriptor.digest}`;
  for (const each of [reference, byDigest]) {
    assert.equal((await user.larder(["pull", each])).code, 0);
  }
  await using disk = await MountedFolder.readOnly(user.cache);
  const pull = (...args: string[]) => user.larder(["--cache-dir", disk.path, "pull", ...args]);
  for (const args of [["--offline", reference], [reference], [byDigest]]) {
    const result = await pull(...args);
    assert.equal(result.code, 0, result.stderr);
  }
  registry.add("app", image([blob(randomBytes(64 * 1024, "new"))]), "v1");
  assertDiskError(await pull(reference), "LDR_READ_ONLY");
});

Deno.test("pull exits with 7 if a file is in the place of a folder", async (t) => {
  const paths: [string, (user: TestUser) => string][] = [
    ["the cache", (user) => user.cache],
    ["registry", (user) => user.registry],
    ["data", (user) => join(user.registry, "data")],
    ["partial", (user) => join(user.registry, "partial")],
    ["manifests", (user) => join(user.registry, "manifests")],
  ];
  for (const [name, pathOf] of paths) {
    await t.step(name, async () => {
      await using registry = await TestRegistry.start();
      using user = new QuickUser();
      const path = pathOf(user);
      Deno.mkdirSync(dirname(path), { recursive: true });
      Deno.writeTextFileSync(path, "precious");
      const result = await user.larder(["pull", registry.add("app", APP, "v1")]);
      assertDiskError(result, "LDR_DISK");
      assert.ok(result.stderr.includes(path), result.stderr);
      assert.equal(Deno.readTextFileSync(path), "precious");
    });
  }
});

Deno.test("pull exits with 7 if a folder is in the place of a file", async (t) => {
  const paths: [string, string][] = [
    ["a blob", join("data", APP.blobs[1]!.descriptor.digest)],
    ["a partial download", join("partial", APP.blobs[1]!.descriptor.digest)],
    ["the lock", "lock"],
  ];
  for (const [name, path] of paths) {
    await t.step(name, async () => {
      await using registry = await TestRegistry.start();
      using user = new QuickUser();
      Deno.mkdirSync(join(user.registry, path, "within"), { recursive: true });
      const result = await user.larder(["pull", registry.add("app", APP, "v1")]);
      assertDiskError(result, "LDR_DISK");
    });
  }
});

const asRoot = Deno.build.os === "linux" && Deno.uid() === 0;

Deno.test({
  name: "pull exits with 7 in a folder that the user cannot write",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using registry = await TestRegistry.start();
    using user = new TestUser();
    Deno.mkdirSync(user.cache, { recursive: true });
    Deno.chmodSync(user.cache, 0o500);
    // root can write everywhere unless it drops this capability.
    const under = asRoot ? ["setpriv", "--bounding-set=-dac_override"] : [];
    const result = await user.larder(["pull", registry.add("app", APP, "v1")], { under });
    Deno.chmodSync(user.cache, 0o700);
    assertDiskError(result, "LDR_PERMISSION");
  },
});

Deno.test("pull fetches a removed or truncated blob again", async (t) => {
  const layer = APP.blobs[1]!;
  const spoil: [string, (path: string) => void][] = [
    ["removed", (path) => Deno.removeSync(path)],
    ["truncated", (path) => Deno.truncateSync(path, 10)],
    ["emptied", (path) => Deno.truncateSync(path, 0)],
  ];
  for (const [name, change] of spoil) {
    await t.step(name, async () => {
      await using registry = await TestRegistry.start();
      using user = new QuickUser();
      const reference = registry.add("app", APP, "v1");
      assert.equal((await user.larder(["pull", reference])).code, 0);
      change(join(user.registry, "data", layer.descriptor.digest));
      const result = await user.larder(["pull", reference]);
      assert.equal(result.code, 0, result.stderr);
      assert.equal(registry.downloads(layer).length, 2);
      assertStoreSound(user.registry);
    });
  }
});

Deno.test("pull repairs an entry with a missing or invalid file", async (t) => {
  const { digest } = APP.descriptor;
  const names = ["v1", digest].flatMap((folder) =>
    ["manifest.json", "config.json", "record.json"].map((file) => join(folder, file))
  ).filter((name) => name !== join(digest, "record.json"));
  for (const name of names) {
    for (const how of ["missing", "empty", "invalid"]) {
      await t.step(`${name} ${how}`, async () => {
        await using registry = await TestRegistry.start();
        using user = new QuickUser();
        const reference = registry.add("app", APP, "v1");
        assert.equal((await user.larder(["pull", reference])).code, 0);
        const path = join(user.registry, "manifests", registry.host, "app", name);
        if (how === "missing") Deno.removeSync(path);
        else Deno.writeTextFileSync(path, how === "empty" ? "" : "{oops");
        const result = await user.larder(["pull", reference]);
        assert.equal(result.code, 0, result.stderr);
        assertStoreSound(user.registry);
        const offline = await user.larder(["pull", "--offline", reference]);
        assert.equal(offline.code, 0, offline.stderr);
      });
    }
  }
});
