import assert from "node:assert/strict";
import { join } from "node:path";
import {
  type Artifact,
  blob,
  image,
  multiPlatform,
  randomBytes,
  wasmArtifact,
} from "../support/cache/artifacts.ts";
import { DAY } from "../support/cache/cache_folder.ts";
import { User } from "../support/cli/cli.ts";
import { guestBytes, moduleBytes } from "../support/wasm/components.ts";
import { FixtureRegistry } from "../support/registry/fixture_registry.ts";
import { killTest, larderKilledAt } from "../support/cache/killed_at.ts";
import { onTerminal } from "../support/cli/on_terminal.ts";
import { Serving } from "../support/cli/serving.ts";
import { packApp, spinApp } from "../support/cache/spin_apps.ts";
import { assertNoRubbish, assertStoreSound, filesBelow } from "../support/cache/store_check.ts";

const SHARED = blob(randomBytes(1000, "shared"));
const ONE = image([SHARED, "one"]);
const TWO = image([SHARED, "two"]);

async function pull(user: User, ...references: string[]): Promise<string> {
  const { code, stderr } = await user.larder(["pull", ...references]);
  assert.equal(code, 0, stderr);
  return stderr;
}

async function names(user: User): Promise<string[]> {
  const { code, stdout, stderr } = await user.larder(["list", "--format", "json"]);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout).map(({ name }: { name: string }) => name).sort();
}

/** Makes all that is cached as old as if it had been pulled two days ago. */
function age(user: User): void {
  const then = new Date(Date.now() - 2 * DAY);
  for (const path of filesBelow(user.registry)) {
    try {
      Deno.utimeSync(path, then, then);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error; // Others may be cleaning.
    }
  }
}

function bytesOf(user: User): number {
  return ["data", "wasm", "manifests"]
    .flatMap((tree) => filesBelow(join(user.registry, tree)))
    .reduce((sum, path) => sum + Deno.statSync(path).size, 0);
}

Deno.test("what was pulled is collected by the limits, and pulled again", async () => {
  await using registry = await FixtureRegistry.start();
  using user = new User();
  const one = registry.add("one", ONE, "v1");
  const two = registry.add("two", TWO, "v1");
  await pull(user, one, two);
  age(user);
  await pull(user, two);
  const before = bytesOf(user);
  const { code, stdout, stderr } = await user.larder([
    ...["gc", "--unused", "1d", "--force", "--format", "json"],
  ]);
  assert.equal(code, 0, stderr);
  const { bytes, result } = JSON.parse(stdout);
  assert.deepEqual([result.freed, before - bytesOf(user)], [bytes, bytes]);
  assert.deepEqual(await names(user), [two]);
  assertStoreSound(user.registry);
  assertNoRubbish(user.registry);
  await pull(user, one);
  assert.equal(registry.downloads(SHARED).length, 1);
  assertStoreSound(user.registry);
});

Deno.test("on a terminal clean asks, and takes anything but a yes for a no", async (t) => {
  await using registry = await FixtureRegistry.start();
  const reference = registry.add("app", ONE, "v1");
  for (const [answer, isGone] of [["\r", false], ["n\r", false], ["y\r", true]] as const) {
    await t.step(JSON.stringify(answer), async () => {
      using user = new User();
      await pull(user, reference);
      await using larder = await onTerminal(user, ["clean"]);
      await larder.said("[y/N]");
      await larder.type(answer);
      const { code, stderr } = await larder.result;
      assert.equal(code, 0, stderr);
      assert.ok(stderr.includes(isGone ? "freed " : "nothing was removed"), stderr);
      assert.deepEqual(await names(user), isGone ? [] : [reference]);
    });
  }
});

Deno.test("a pull that goes beyond a configured limit collects, and leaves what it brought", async () => {
  await using registry = await FixtureRegistry.start();
  using user = new User();
  user.write(".config/larder/config.yaml", "gc:\n  max_count: 1\n");
  const [one, two] = [registry.add("one", ONE, "v1"), registry.add("two", TWO, "v1")];
  await pull(user, one);
  age(user);
  const said = await pull(user, two);
  assert.match(said, /^cleaned the cache: freed .*, removed 1 entry$/m);
  assert.deepEqual(await names(user), [two]);
  assertStoreSound(user.registry);
  age(user);
  // Nothing is fetched, so nothing is looked at.
  assert.doesNotMatch(await pull(user, two), /cleaned/);
  user.write(".config/larder/config.yaml", "gc:\n  max_count: 1\n  auto: false\n");
  assert.doesNotMatch(await pull(user, one), /cleaned/);
  assert.equal((await names(user)).length, 2);
});

Deno.test("what runs does not wait until the cache is cleaned, and is followed by that", async () => {
  await using registry = await FixtureRegistry.start();
  using user = new User();
  user.write(".config/larder/config.yaml", "gc:\n  max_count: 2\n");
  const old = registry.add("old", ONE, "v1");
  await pull(user, old);
  age(user);
  const components = { one: { wasm: await guestBytes("http_cases") } };
  const reference = registry.add("app", await packApp({ components }), "v1");
  await using serving = await Serving.start(user, [reference]);
  assert.doesNotMatch(serving.stderr, /cleaned/);
  assert.ok((await names(user)).includes(old));
  const { code, stderr } = await serving.stop();
  assert.equal(code, 0, stderr);
  assert.match(stderr, /stopping\ncleaned the cache: freed .*, removed 1 entry\n$/);
  assert.ok(!(await names(user)).includes(old));
});

const gone: readonly [name: string, artifact: Artifact][] = [
  ["an index", multiPlatform("linux/amd64")],
  ["a Spin app", await spinApp({ archived: { "a.txt": "one" } })],
];

for (const [name, artifact] of gone) {
  killTest(
    `a sweep of ${name} that is killed at any deletion hinders nothing that comes after`,
    async () => {
      await using registry = await FixtureRegistry.start();
      const stays = registry.add("stays", ONE, "v1");
      const goes = registry.add("gone", artifact, "v1");
      let nth = 0;
      for (let wasKilled = true; wasKilled;) {
        using user = new User();
        await pull(user, stays, goes);
        const args = ["clean", "--force", "*/gone:*"];
        wasKilled = await larderKilledAt(user, args, "unlink,unlinkat,rmdir", ++nth);
        assert.ok((await names(user)).includes(stays));
        const offline = await user.larder(["pull", "--offline", stays]);
        assert.equal(offline.code, 0, offline.stderr);
        if (nth % 2 === 0) {
          await pull(user, goes);
          assert.deepEqual(await names(user), [goes, stays].sort());
        }
        assertStoreSound(user.registry);
        const cleared = await user.larder(["clean", "--force"]);
        assert.equal(cleared.code, 0, cleared.stderr);
        assert.equal(bytesOf(user), 0);
        assertNoRubbish(user.registry);
      }
      assert.ok(nth > 5, "hardly anything was killed, so hardly anything was tested");
    },
  );
}

Deno.test("pulls, runs and collections in one cache do each other no harm for a minute", async () => {
  await using registry = await FixtureRegistry.start();
  using user = new User();
  const module = registry.add("command", wasmArtifact(await moduleBytes("preview1_command")), "v1");
  const apps = [1, 2, 3].map((i) => image([SHARED, blob(randomBytes(50_000, `app ${i}`))]));
  await pull(user, module);
  const start = performance.now();
  let isBroken = false;
  /** Does something over and over: until the minute is over, or until something else went wrong. */
  const forAMinute = async (work: (round: number) => Promise<void>) => {
    try {
      for (let round = 0; !isBroken && performance.now() - start < 60_000; round++) {
        await work(round);
      }
    } catch (error) {
      isBroken = true;
      throw error;
    }
  };
  const puller = (number: number) =>
    forAMinute(async (round) => {
      const reference = registry.add(`app${number % 2}`, apps[(round + number) % 3]!, "v1");
      await pull(user, reference, module);
    });
  const runner = () =>
    forAMinute(async () => {
      const { code, stdout, stderr } = await user.larder(["run", module, "--", "a", "b"]);
      assert.deepEqual([code, stdout], [0, "a\nb\n"], stderr);
    });
  const collector = (freed: number[], ...args: string[]) =>
    forAMinute(async () => {
      age(user);
      const { code, stdout, stderr } = await user.larder([...args, "--force", "--format", "json"]);
      assert.equal(code, 0, stderr);
      freed.push(JSON.parse(stdout).result?.freed ?? 0);
    });
  const collected: number[] = [];
  const cleaned: number[] = [];
  const all = [
    ...[1, 2, 3, 4].map(puller),
    ...[runner(), runner()],
    collector(collected, "gc", "--max-size", "0"),
    collector(cleaned, "clean", "*/app0*"),
  ];
  await Promise.allSettled(all);
  await Promise.all(all);
  for (const freed of [collected, cleaned]) {
    assert.ok(freed.some((bytes) => bytes > 0), "nothing was removed, so nothing was tested");
  }
  await pull(user, module, registry.add("app1", apps[0]!, "v1"));
  assertStoreSound(user.registry);
});
