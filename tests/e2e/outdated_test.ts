import assert from "node:assert/strict";
import { join } from "node:path";
import {
  blob,
  image,
  index,
  type IndexEntry,
  multiPlatform,
  platformOf,
  randomBytes,
  wasmModule,
} from "../support/cache/artifacts.ts";
import { spinApp } from "../support/cache/spin_apps.ts";
import { assertNoStrayFiles, assertStoreSound } from "../support/cache/store_check.ts";
import { writeAsSpin } from "../support/cache/test_cache.ts";
import { QuickUser } from "../support/cli/in_process.ts";
import { type Result, TestUser } from "../support/cli/test_user.ts";
import { status, tooManyRequests } from "../support/registry/faults.ts";
import { basicGuard, TestRegistry } from "../support/registry/test_registry.ts";

const BASE = blob(randomBytes(50_000, "base"));
const OLD = image([BASE, "old"]);
const NEW = image([BASE, "new"]);

interface Row {
  readonly name: string;
  readonly state: string;
  readonly digest: string;
  readonly currentDigest: string | null;
  readonly bytesToFetch: number | null;
  readonly why: { readonly code: string } | null;
}

/** Pulls these tags of one repository and clears the registry's log. */
async function pulled(
  user: TestUser,
  registry: TestRegistry,
  ...tags: string[]
): Promise<string[]> {
  const references = tags.map((tag) => registry.add("app", OLD, tag));
  const result = await user.larder(["pull", ...references]);
  assert.equal(result.code, 0, result.stderr);
  registry.clearLog();
  return references;
}

const outdated = (user: TestUser, ...args: string[]) => user.larder(["outdated", ...args]);

async function rows(user: TestUser, ...args: string[]): Promise<Row[]> {
  const { stdout } = await outdated(user, "--all", "--format", "json", ...args);
  return JSON.parse(stdout);
}

function states(rows: readonly Row[]): string[] {
  return rows.map(({ name, state }) => `${name.split(":").at(-1)} ${state}`);
}

Deno.test("outdated counts current tags and exits with 0", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  await pulled(user, registry, "v1", "v2");
  const { code, stdout, stderr } = await outdated(user, "--exit-code");
  assert.deepEqual([code, stdout, stderr], [0, "", "2 tags: all current\n"]);
  assert.deepEqual(registry.requests().map(({ method }) => method), ["HEAD", "HEAD"]);
});

Deno.test("outdated lists moved and deleted tags with the bytes to fetch and requests no blob", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const [, moved, gone] = await pulled(user, registry, "v1", "v2", "v3");
  registry.add("app", NEW, "v2");
  registry.fail("/manifests/v3", status(404));
  const { code, stdout, stderr } = await outdated(user);
  assert.equal(code, 0, stderr);
  const table = stdout.trimEnd().split("\n").map((line) => line.split(/ {2,}/));
  assert.deepEqual(table[0], ["NAME", "STATE", "CACHED", "REGISTRY", "AGE", "TO FETCH"]);
  assert.deepEqual(table.slice(1).map(([name, state]) => [name, state]), [
    [moved, "behind"],
    [gone, "gone"],
  ]);
  assert.match(stderr, /^3 tags: 1 behind, [\d.]+ B to fetch, 1 gone, 1 current$/m);
  assert.deepEqual(registry.requests("/blobs/"), []);

  const found = await rows(user);
  assert.deepEqual(states(found), ["v1 current", "v2 behind", "v3 gone"]);
  const missing = NEW.blobs[0]!.bytes.length + NEW.blobs[2]!.bytes.length;
  assert.equal(found[1]!.bytesToFetch, missing);
  assert.deepEqual(
    [found[1]!.digest, found[1]!.currentDigest],
    [OLD.descriptor.digest, NEW.descriptor.digest],
  );
  assert.equal((await outdated(user, "--exit-code")).code, 10);
  assertStoreSound(user.registry);
});

/** Moves the pulled entries to a registry at a closed port. */
function moveAway(registry: TestRegistry, user: TestUser): void {
  const manifests = join(user.registry, "manifests");
  Deno.renameSync(join(manifests, registry.host), join(manifests, "127.0.0.1:1"));
}

Deno.test("outdated shows a tag as unknown if the registry fails, and exits with the code of that error", async (t) => {
  const cases: [string, (registry: TestRegistry, user: TestUser) => void, string, number][] = [
    ["unreachable", moveAway, "LDR_UNREACHABLE", 6],
    ["401", (r) => r.guard = basicGuard("a", "b"), "LDR_UNAUTHORIZED", 4],
    ["403", (r) => r.fail("manifests", status(403)), "LDR_FORBIDDEN", 4],
    ["429", (r) => r.fail("manifests", tooManyRequests("3600")), "LDR_RATE_LIMITED", 6],
    ["500", (r) => r.fail("manifests", status(500, { "Retry-After": "0" })), "LDR_SERVER_ERROR", 6],
  ];
  for (const [name, spoil, code, exit] of cases) {
    await t.step(name, async () => {
      await using registry = await TestRegistry.start();
      await using other = await TestRegistry.start();
      using user = new QuickUser();
      await pulled(user, registry, "v1");
      await pulled(user, other, "v2");
      spoil(registry, user);
      const result = await outdated(user, "--all", "--format", "json");
      const found: Row[] = JSON.parse(result.stdout);
      assert.deepEqual(states(found).sort(), ["v1 unknown", "v2 current"]);
      const { why } = found.find(({ state }) => state === "unknown")!;
      assert.equal(why!.code, code);
      const table = await outdated(user);
      assert.match(table.stdout, /^NAME .* WHY\n/);
      assert.equal(result.code, exit);
      assert.match(
        result.stderr,
        new RegExp(`^error: could not check a tag: .*\\[${code}\\]$`, "m"),
      );
      // With --exit-code, an outdated tag takes precedence over the failure.
      other.add("app", NEW, "v2");
      assert.equal((await outdated(user, "--exit-code")).code, 10);
    });
  }
});

Deno.test("outdated waits for the Retry-After of a 429", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  await pulled(user, registry, "v1");
  registry.fail("HEAD", tooManyRequests("1"), 1);
  const { code, stderr } = await outdated(user);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /answered 429; trying again in 1s/);
});

Deno.test("outdated selects tags by name, prefix and glob", async (t) => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  await pulled(user, registry, "v1", "v2", "w1");
  const fixed = registry.add("app", OLD);
  assert.equal((await user.larder(["pull", fixed])).code, 0);
  const cases: [string, string[]][] = [
    [registry.reference("app", "v1"), ["v1 current"]],
    [registry.reference("app", "w"), ["w1 current"]],
    ["*:v*", ["v1 current", "v2 current"]],
    [fixed, []],
    ["*", ["v1 current", "v2 current", "w1 current"]],
  ];
  for (const [name, expected] of cases) {
    await t.step(name.slice(-10), async () => {
      assert.deepEqual(states(await rows(user, name)), expected);
    });
  }
  assert.match((await outdated(user, fixed)).stderr, /skipped \S+: a digest cannot be outdated/);
  assert.equal((await outdated(user, "nothing/*")).code, 3);
  assert.equal((await outdated(user, registry.reference("app", "v"))).code, 2);
});

Deno.test("outdated and update exit with 2 on --offline and with 0 on an empty cache", async () => {
  using user = new QuickUser();
  for (const args of [["outdated"], ["update", "--all"]]) {
    const offline = await user.larder([...args, "--offline"]);
    assert.equal(offline.code, 2);
    assert.match(offline.stderr, /\[LDR_USAGE\]\nhint: leave out --offline/);
    assert.equal((await user.larder(args)).code, 0);
  }
  assert.match((await outdated(user)).stderr, /no cached tags to check/);
});

Deno.test("outdated compares an entry of Spin by the content of its manifest", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const app = await spinApp({ module: wasmModule("one") });
  const reference = registry.add("app", app, "v1");
  assert.equal((await user.larder(["pull", reference])).code, 0);
  const folder = join(user.registry, "manifests", registry.host, "app");
  Deno.removeSync(folder, { recursive: true });
  writeAsSpin(user.registry, reference, app);
  assert.deepEqual(states(await rows(user)), ["v1 current"]);
  registry.add("app", await spinApp({ module: wasmModule("two") }), "v1");
  assert.deepEqual(states(await rows(user)), ["v1 behind"]);
});

async function update(user: TestUser, ...args: string[]): Promise<Result> {
  const result = await user.larder(["update", ...args]);
  assertStoreSound(user.registry);
  assertNoStrayFiles(user.registry);
  return result;
}

Deno.test("update pulls a moved tag and reports it as pull does", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const [, moved] = await pulled(user, registry, "v1", "v2");
  registry.add("app", NEW, "v2");
  const { code, stdout, stderr } = await update(user, "--all");
  assert.equal(code, 0, stderr);
  assert.equal(stdout, `${moved}@${NEW.descriptor.digest}\n`);
  assert.match(stderr, /v2: fetched 1 layer \([\d.]+ B\), reused 1 layer \(48\.83 KiB\)\n/);
  assert.match(stderr, /^1 tag updated, 1 already current$/m);
  assert.equal(registry.downloads(BASE).length, 0);
  const again = await update(user, "--all", "--format", "json");
  assert.deepEqual([again.code, JSON.parse(again.stdout)], [0, []]);
});

Deno.test("update pulls only the selected tags", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const [first] = await pulled(user, registry, "v1", "v2");
  for (const tag of ["v1", "v2"]) registry.add("app", NEW, tag);
  const { stdout } = await update(user, "*:v1");
  assert.equal(stdout, `${first}@${NEW.descriptor.digest}\n`);
  assert.deepEqual(states(await rows(user)), ["v1 current", "v2 behind"]);
});

Deno.test("update fetches the platforms for which an entry was pulled", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const platforms = ["linux/arm/v7", "plan9/mips"];
  for (const tag of ["one", "all"]) registry.add("app", multiPlatform(...platforms), tag);
  const pull = (tag: string, ...options: string[]) =>
    user.larder(["pull", registry.reference("app", tag), ...options]);
  assert.equal((await pull("one", "--platform", "plan9/mips")).code, 0);
  assert.equal((await pull("all", "--all-platforms")).code, 0);
  const next = platforms.map((name): IndexEntry => {
    const platform = platformOf(name);
    return { artifact: image([`the next of ${name}`], { platform }), platform };
  });
  for (const tag of ["one", "all"]) registry.add("app", index(next), tag);
  registry.clearLog();
  assert.equal((await update(user, "*:one")).code, 0);
  const layerOf = ({ artifact }: IndexEntry) => artifact.blobs[1]!;
  const downloads = () => next.map((entry) => registry.downloads(layerOf(entry)).length);
  assert.deepEqual(downloads(), [0, 1]);
  assert.equal((await update(user, "*:all")).code, 0);
  assert.deepEqual(downloads(), [1, 1]);
});

Deno.test("update continues after a failure and exits with the code of the first one", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  await pulled(user, registry, "v1", "v2", "v3", "v4");
  const broken = image([blob("not to be had")]);
  registry.add("app", broken, "v1");
  registry.removeBlob("app", broken.blobs[1]!);
  registry.add("app", NEW, "v2");
  registry.fail("/manifests/v3", status(403));
  registry.fail("/manifests/v4", status(404));
  const { code, stdout, stderr } = await user.larder(["update", "--all"]);
  assert.equal(code, 4, stderr);
  assert.equal(stdout, `${registry.reference("app", "v2")}@${NEW.descriptor.digest}\n`);
  assert.match(stderr, /^warning: .*app:v3.*\[LDR_FORBIDDEN\]$/m);
  assert.match(stderr, /^warning: .*\[LDR_NOT_FOUND\]$/m);
  assert.match(stderr, /^warning: \S+:v4 is no longer in its registry; keeping the cached copy$/m);
  assert.match(stderr, /^error: could not update 2 of 4 tags \[LDR_FORBIDDEN\]$/m);
  const offline = await user.larder(["pull", "--offline", registry.reference("app", "v1")]);
  assert.equal(offline.stdout, `${registry.reference("app", "v1")}@${OLD.descriptor.digest}\n`);
});

Deno.test("update asks an ill registry a few times for all its tags, and warns of them together", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const names = Array.from({ length: 31 }, (_, i) => registry.add("app", image(["a"]), `v${i}`));
  assert.equal((await user.larder(["pull", ...names])).code, 0);
  registry.clearLog();
  registry.fail("/manifests/", status(503));
  const { code, stderr } = await user.larder(["update", "--all"]);
  assert.equal(code, 6, stderr);
  assert.ok(registry.requests().length <= 20, `${registry.requests().length} requests`);
  assert.equal(stderr.match(/trying again/g)?.length, 4, stderr);
  assert.match(stderr, /^\S+\/app:v\d+: \S+ answered 503; trying again/m);
  assert.equal(stderr.match(/^warning: /gm)?.length, 2, stderr);
  assert.match(stderr, /^warning: 30 other tags of \S+ could not be checked either/m);
  assert.match(stderr, /^error: could not update 31 of 31 tags \[LDR_SERVER_ERROR\]$/m);
});

Deno.test("update ignores the config's freshness policy", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  await pulled(user, registry, "v1");
  user.write(".config/larder/config.yaml", "freshness: { policy: missing, stale_if_error: 9d }");
  registry.add("app", NEW, "v1");
  const { code, stdout } = await update(user, "--all");
  assert.equal(code, 0);
  assert.ok(stdout.endsWith(`@${NEW.descriptor.digest}\n`));
});

Deno.test("update exits with 2 unless it gets either names or --all", async () => {
  using user = new QuickUser();
  for (const args of [[], ["app:v1", "--all"]]) {
    const { code, stderr } = await user.larder(["update", ...args]);
    assert.equal(code, 2);
    assert.match(stderr, /LDR_USAGE/);
  }
});

Deno.test("stats counts pulls, updates and cache hits", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const [reference] = await pulled(user, registry, "v1");
  assert.equal((await user.larder(["pull", reference!])).code, 0);
  registry.add("app", NEW, "v1");
  await update(user, "--all");
  const { stdout } = await user.larder(["stats", "--format", "json"]);
  const { hits, misses, causes, fetched, saved } = JSON.parse(stdout);
  assert.deepEqual([hits, misses, causes], [1, 2, { new: 1, moved: 1 }]);
  const sizes = (bytes: readonly { bytes: Uint8Array }[]) =>
    bytes.reduce((sum, each) => sum + each.bytes.length, 0);
  assert.equal(fetched, sizes(OLD.blobs) + sizes([NEW.blobs[0]!, NEW.blobs[2]!]));
  assert.equal(saved, sizes(OLD.blobs) + BASE.bytes.length);
  const why = await user.larder(["why", reference!]);
  assert.match(why.stdout, /fetched .*: the tag had moved from [0-9a-f]{12}/);
});
