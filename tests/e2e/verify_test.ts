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
import { writeAsSpin } from "../support/cache/cache_folder.ts";
import { type Result, User } from "../support/cli/cli.ts";
import { flipBit, invalidateJson, remove, truncate } from "../support/cache/damage.ts";
import { held, heldAfter, status } from "../support/registry/faults.ts";
import { basicGuard, FixtureRegistry } from "../support/registry/fixture_registry.ts";
import { Gate } from "../support/gate.ts";
import { MountedFolder, mountTest } from "../support/cli/mounts.ts";
import { spinApp } from "../support/cache/spin_apps.ts";
import { assertNoRubbish, assertStoreSound, filesBelow } from "../support/cache/store_check.ts";
import { blobPath, entryPath } from "../support/cache/user_cache.ts";

const BIG = blob(randomBytes(200_000, "big"));
const CHILD = image([BIG, "small"]);
const PLATFORM = platformOf(HOST_PLATFORM);
const APP = index([{ artifact: CHILD, platform: PLATFORM }]);
const SPIN = await spinApp({ files: { "a.txt": "one" }, archived: { "b.txt": "two" } });

/** A user who has pulled an artifact as `app:v1`, and a registry that has counted nothing since. */
async function pulled(
  user: User,
  registry: FixtureRegistry,
  artifact: Artifact = APP,
): Promise<string> {
  const reference = registry.add("app", artifact, "v1");
  const result = await user.larder(["pull", reference]);
  assert.equal(result.code, 0, result.stderr);
  registry.clearLog();
  return reference;
}

/** Repairs, and checks that nothing is wrong after that. */
async function repair(user: User): Promise<Result> {
  const result = await user.larder(["verify", "--repair"]);
  assert.equal(result.code, 0, result.stderr);
  assertStoreSound(user.registry);
  assertNoRubbish(user.registry);
  const again = await user.larder(["verify"]);
  assert.deepEqual([again.code, again.stdout], [0, ""], again.stderr);
  return result;
}

Deno.test("a layer that is bad is found, removed and fetched again, and nothing else is", async (t) => {
  for (const [name, spoil] of Object.entries({ flipBit, truncate, invalidateJson, remove })) {
    await t.step(name, async () => {
      await using registry = await FixtureRegistry.start();
      using user = new User();
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

Deno.test("a manifest, a config or a record that is bad is put right", async (t) => {
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
      if (how === "remove" && name === "the record") continue; // That makes it an entry of Spin's.
      await t.step(`${name}, ${how}`, async () => {
        await using registry = await FixtureRegistry.start();
        using user = new User();
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

Deno.test("a repair brings back what was pulled, wherever its tag stands by now", async () => {
  await using registry = await FixtureRegistry.start();
  using user = new User();
  const reference = await pulled(user, registry);
  registry.add("app", image(["something else"]), "v1");
  remove(blobPath(user, BIG));
  await repair(user);
  const offline = await user.larder(["pull", "--offline", reference]);
  assert.equal(offline.stdout, `${reference}@${APP.descriptor.digest}\n`);
  const why = await user.larder(["why", reference]);
  assert.match(why.stdout, /fetched 195\.31 KiB: its files had been deleted outside larder/);
});

Deno.test("a Spin app is put right: its module, its files, what was unpacked, its locked app", async (t) => {
  const spoiled: [string, (user: User, registry: FixtureRegistry) => string][] = [
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
      if (writer === "spin" && name === "the locked app") continue; // It has none but the tag's.
      await t.step(`${name}, written by ${writer}`, async () => {
        await using registry = await FixtureRegistry.start();
        using user = new User();
        await pulled(user, registry, SPIN);
        const path = pathOf(user, registry);
        if (writer === "spin") makeSpins(user, registry);
        flipBit(path);
        assert.equal((await user.larder(["verify"])).code, 5);
        const result = await user.larder(["verify", "--repair"]);
        assert.equal(result.code, 0, result.stderr);
        assertStoreSound(user.registry);
      });
    }
  }
});

/** Leaves of an entry what Spin would have written, beside what was unpacked. */
function makeSpins(user: User, registry: FixtureRegistry): void {
  Deno.removeSync(join(user.registry, "manifests"), { recursive: true });
  writeAsSpin(user.registry, registry.reference("app", "v1"), SPIN);
}

Deno.test("what a registry does not give is exit 5, and given later it is put right", async (t) => {
  const cases: [string, (registry: FixtureRegistry) => void, string][] = [
    ["404", (r) => r.fail("/blobs/", status(404)), "LDR_NOT_FOUND"],
    ["401", (r) => r.guard = basicGuard("a", "b"), "LDR_UNAUTHORIZED"],
    ["429", (r) => r.fail("/blobs/", status(429, { "Retry-After": "3600" })), "LDR_RATE_LIMITED"],
    ["500", (r) => r.fail("/blobs/", status(500, { "Retry-After": "0" })), "LDR_SERVER_ERROR"],
  ];
  for (const [name, spoil, code] of cases) {
    await t.step(name, async () => {
      await using registry = await FixtureRegistry.start();
      using user = new User();
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

Deno.test("of several that are bad, those are put right that can be", async () => {
  await using registry = await FixtureRegistry.start();
  using user = new User();
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

mountTest("a cache that is read-only is verified; repairing it is exit 7", async () => {
  await using registry = await FixtureRegistry.start();
  using user = new User();
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

Deno.test("Ctrl-C while a repair fetches is exit 130, and the next repair goes on", async () => {
  await using registry = await FixtureRegistry.start();
  using user = new User();
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

Deno.test("killed while a repair fetches, the next command ends right", async (t) => {
  for (const command of ["verify", "pull"]) {
    await t.step(command, async () => {
      await using registry = await FixtureRegistry.start();
      using user = new User();
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
      assertNoRubbish(user.registry);
    });
  }
});

Deno.test("repairs amid pulls hinder nobody", async () => {
  await using registry = await FixtureRegistry.start();
  using user = new User();
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
      // What a pull replaces while it is looked at counts as damaged.
      assert.ok(code === 0 || code === 5, stderr);
      assert.doesNotMatch(stderr, /LDR_INTERNAL/);
    }
    for (const { code, stderr } of results.slice(2)) assert.equal(code, 0, stderr);
    await repair(user);
  }
});
