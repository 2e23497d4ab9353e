import assert from "node:assert/strict";
import { join } from "node:path";
import {
  type Artifact,
  blob,
  HOST_PLATFORM,
  image,
  index,
  platformOf,
  randomBytes,
} from "../support/cache/artifacts.ts";
import { flipBit, invalidateJson, remove, truncate } from "../support/cache/damage.ts";
import { spinApp } from "../support/cache/spin_apps.ts";
import { assertNoStrayFiles, assertStoreSound, filesBelow } from "../support/cache/store_check.ts";
import { writeAsSpin } from "../support/cache/test_cache.ts";
import { blobPath, entryPath } from "../support/cache/user_cache.ts";
import { MountedFolder, mountTest } from "../support/cli/mounts.ts";
import { QuickUser } from "../support/cli/in_process.ts";
import { type Result, TestUser } from "../support/cli/test_user.ts";
import { Gate } from "../support/gate.ts";
import { held, heldAfter, status } from "../support/registry/faults.ts";
import { basicGuard, TestRegistry } from "../support/registry/test_registry.ts";

const BIG = blob(randomBytes(200_000, "big"));
const CHILD = image([BIG, "small"]);
const PLATFORM = platformOf(HOST_PLATFORM);
const APP = index([{ artifact: CHILD, platform: PLATFORM }]);
const SPIN = await spinApp({ files: { "a.txt": "one" }, archived: { "b.txt": "two" } });

/** Pulls an artifact as `app:v1` and clears the registry's log. */
async function pulled(
  user: TestUser,
  registry: TestRegistry,
  artifact: Artifact = APP,
): Promise<string> {
  const reference = registry.add("app", artifact, "v1");
  const result = await user.larder(["pull", reference]);
  assert.equal(result.code, 0, result.stderr);
  registry.clearLog();
  return reference;
}

/** Repairs the cache and checks that it is sound. */
async function repair(user: TestUser): Promise<Result> {
  const result = await user.larder(["verify", "--repair"]);
  assert.equal(result.code, 0, result.stderr);
  assertStoreSound(user.registry);
  assertNoStrayFiles(user.registry);
  const again = await user.larder(["verify"]);
  assert.deepEqual([again.code, again.stdout], [0, ""], again.stderr);
  return result;
}

Deno.test("verify --repair fetches a damaged layer again, and nothing else", async (t) => {
  for (const [name, spoil] of Object.entries({ flipBit, truncate, invalidateJson, remove })) {
    await t.step(name, async () => {
      await using registry = await TestRegistry.start();
      using user = new TestUser();
      await pulled(user, registry);
      spoil(blobPath(user, BIG));
      const before = filesBelow(user.registry);
      const found = await user.larder(["verify"]);
      assert.equal(found.code, 5);
      assert.match(found.stderr, /\[LDR_DIGEST_MISMATCH\]\nhint: larder verify --repair /);
      assert.deepEqual(filesBelow(user.registry), before);
      const { stdout } = await repair(user);
      assert.match(stdout, /^\w+ +data\/sha256:\S+ +\S+:v1 +repaired +/m);
      assert.deepEqual(
        registry.requests().map(({ method, path }) => `${method} ${path}`),
        [`GET /v2/app/blobs/${BIG.descriptor.digest}`],
      );
    });
  }
});

Deno.test("verify --repair restores a damaged manifest, config or record", async (t) => {
  const files: [string, string[]][] = [
    ["the index", [APP.descriptor.digest, "manifest.json"]],
    ["the platform's manifest", [CHILD.descriptor.digest, "manifest.json"]],
    ["its config", [CHILD.descriptor.digest, "config.json"]],
    ["the tag's manifest", ["v1", "manifest.json"]],
    ["the tag's config", ["v1", "config.json"]],
    ["the record", ["v1", "record.json"]],
  ];
  for (const [name, path] of files) {
    for (const [how, spoil] of Object.entries({ flipBit, invalidateJson, remove })) {
      if (how === "remove" && name === "the record") continue; // Without its record it is an entry of Spin.
      await t.step(`${name}, ${how}`, async () => {
        await using registry = await TestRegistry.start();
        using user = new QuickUser();
        const reference = await pulled(user, registry);
        spoil(entryPath(user, registry, ...path));
        assert.equal((await user.larder(["verify"])).code, 5);
        await repair(user);
        assert.equal(registry.downloads(BIG).length, 0);
        const offline = await user.larder(["pull", "--offline", reference]);
        assert.equal(offline.stdout, `${reference}@${APP.descriptor.digest}\n`);
      });
    }
  }
});

Deno.test("verify --repair restores the pulled content after its tag has moved", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const reference = await pulled(user, registry);
  registry.add("app", image(["something else"]), "v1");
  remove(blobPath(user, BIG));
  await repair(user);
  const offline = await user.larder(["pull", "--offline", reference]);
  assert.equal(offline.stdout, `${reference}@${APP.descriptor.digest}\n`);
  const why = await user.larder(["why", reference]);
  assert.match(why.stdout, /fetched 195\.31 KiB: its files had been deleted outside larder/);
});

Deno.test("verify --repair restores the module, files and locked app of a Spin app", async (t) => {
  const spoiled: [string, (user: TestUser, registry: TestRegistry) => string][] = [
    ["the module", (user) => blobPath(user, SPIN.blobs[1]!)],
    ["a static file", (user) => blobPath(user, SPIN.blobs[2]!)],
    ["the archive", (user) => blobPath(user, SPIN.blobs[3]!)],
    ["an unpacked file", (user) => blobPath(user, blob("two"))],
    [
      "the locked app",
      (user, registry) => entryPath(user, registry, SPIN.descriptor.digest, "config.json"),
    ],
  ];
  for (const [name, pathOf] of spoiled) {
    for (const writer of ["larder", "spin"]) {
      if (writer === "spin" && name === "the locked app") continue; // Spin writes it only to the folder of the tag.
      await t.step(`${name}, written by ${writer}`, async () => {
        await using registry = await TestRegistry.start();
        using user = new QuickUser();
        await pulled(user, registry, SPIN);
        const path = pathOf(user, registry);
        if (writer === "spin") replaceWithSpinEntry(user, registry);
        flipBit(path);
        assert.equal((await user.larder(["verify"])).code, 5);
        const result = await user.larder(["verify", "--repair"]);
        assert.equal(result.code, 0, result.stderr);
        assertStoreSound(user.registry);
      });
    }
  }
});

/** Replaces an entry with the files that Spin would have written; unpacked files stay. */
function replaceWithSpinEntry(user: TestUser, registry: TestRegistry): void {
  Deno.removeSync(join(user.registry, "manifests"), { recursive: true });
  writeAsSpin(user.registry, registry.reference("app", "v1"), SPIN);
}

Deno.test("verify --repair exits with 5 while the registry fails, and repairs afterwards", async (t) => {
  const cases: [string, (registry: TestRegistry) => void, string][] = [
    ["404", (r) => r.fail("/blobs/", status(404)), "LDR_NOT_FOUND"],
    ["401", (r) => r.guard = basicGuard("a", "b"), "LDR_UNAUTHORIZED"],
    ["429", (r) => r.fail("/blobs/", status(429, { "Retry-After": "3600" })), "LDR_RATE_LIMITED"],
    ["500", (r) => r.fail("/blobs/", status(500, { "Retry-After": "0" })), "LDR_SERVER_ERROR"],
  ];
  for (const [name, spoil, code] of cases) {
    await t.step(name, async () => {
      await using registry = await TestRegistry.start();
      using user = new QuickUser();
      await pulled(user, registry);
      spoil(registry);
      flipBit(blobPath(user, BIG));
      const { code: exit, stdout, stderr } = await user.larder(["verify", "--repair"]);
      assert.equal(exit, 5, stderr);
      assert.match(stdout, new RegExp(`^damaged .* left +.*\\[${code}\\]$`, "m"));
      assert.match(stderr, /^error: .*\[LDR_DIGEST_MISMATCH\]\nhint: /m);
      registry.heal();
      registry.guard = undefined;
      await repair(user);
    });
  }
});

Deno.test("verify --repair repairs what it can and leaves the rest", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  await pulled(user, registry);
  const other = image([blob("of the other")]);
  const reference = registry.add("other", other, "v1");
  assert.equal((await user.larder(["pull", reference])).code, 0);
  registry.removeBlob("app", BIG);
  for (const layer of [BIG, other.blobs[1]!]) flipBit(blobPath(user, layer));
  const { code, stdout } = await user.larder(["verify", "--repair", "--format", "json"]);
  assert.equal(code, 5);
  const { findings } = JSON.parse(stdout);
  const outcomes = findings.map(({ digest, outcome }: Record<string, string>) => [digest, outcome]);
  assert.deepEqual(
    Object.fromEntries(outcomes),
    { [BIG.descriptor.digest]: "left", [other.blobs[1]!.descriptor.digest]: "repaired" },
  );
});

mountTest("verify accepts a read-only cache, and --repair exits with 7", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  await pulled(user, registry);
  const verify = async (...args: string[]) => {
    await using disk = await MountedFolder.readOnly(user.cache);
    return await user.larder(["--cache-dir", disk.path, "verify", ...args]);
  };
  assert.equal((await verify()).code, 0);
  flipBit(blobPath(user, BIG));
  assert.equal((await verify()).code, 5);
  const { code, stderr } = await verify("--repair");
  assert.equal(code, 7, stderr);
  assert.match(stderr, /\[LDR_READ_ONLY\]/);
});

Deno.test("verify --repair exits with 130 on Ctrl-C, and the next repair succeeds", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  await pulled(user, registry);
  flipBit(blobPath(user, BIG));
  const gate = new Gate();
  registry.fail("/blobs/", heldAfter(100_000, gate), 1);
  await using running = user.spawn(["verify", "--repair"]);
  await gate.reachedBy(running.result);
  running.kill("SIGINT");
  const { code, stderr } = await running.result;
  gate.open();
  assert.equal(code, 130, stderr);
  await repair(user);
});

Deno.test("verify and pull succeed after a repair was killed", async (t) => {
  for (const command of ["verify", "pull"]) {
    await t.step(command, async () => {
      await using registry = await TestRegistry.start();
      using user = new TestUser();
      const reference = await pulled(user, registry);
      for (const file of [blobPath(user, BIG), entryPath(user, registry, "v1", "config.json")]) {
        flipBit(file);
      }
      const gate = new Gate();
      registry.fail("/blobs/", held(gate), 1);
      await using running = user.spawn(["verify", "--repair"]);
      await gate.reachedBy(running.result);
      running.kill();
      assert.equal((await running.result).code, 137);
      gate.open();
      if (command === "verify") return void await repair(user);
      const result = await user.larder(["pull", reference]);
      assert.equal(result.code, 0, result.stderr);
      assertStoreSound(user.registry);
      assertNoStrayFiles(user.registry);
    });
  }
});

Deno.test("verify --repair and pull succeed concurrently", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const reference = await pulled(user, registry);
  for (let round = 0; round < 3; round++) {
    flipBit(blobPath(user, BIG));
    registry.add("app", image([BIG, `round ${round}`]), "v1");
    const results = await Promise.all([
      user.larder(["verify", "--repair"]),
      user.larder(["verify", "--repair"]),
      user.larder(["pull", reference]),
      user.larder(["pull", reference]),
    ]);
    for (const { code, stderr } of results.slice(0, 2)) {
      // A file that a pull replaces while it is verified counts as damaged.
      assert.ok(code === 0 || code === 5, stderr);
      assert.doesNotMatch(stderr, /LDR_INTERNAL/);
    }
    for (const { code, stderr } of results.slice(2)) assert.equal(code, 0, stderr);
    await repair(user);
  }
});
