import assert from "node:assert/strict";
import { flipBit } from "../support/cache/damage.ts";
import { utf8 } from "../support/cache/artifacts.ts";
import { age, names } from "../support/cache/user_cache.ts";
import { type Result, TestUser } from "../support/cli/test_user.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";

/** What users of a cache with packages and builds do with its entries: fetched and built by larder, two days old. */

const FILES = ["hello_2.10-3_amd64.deb", "libc6_2.41-12_amd64.deb", "libc6_2.41-13_amd64.deb"];

async function ok(user: TestUser, args: readonly string[], env = {}): Promise<Result> {
  const result = await user.larder(args, { env });
  assert.equal(result.code, 0, `larder ${args.join(" ")}: ${result.stderr}`);
  return result;
}

/** Fetches three packages and builds two versions of one thing. */
async function filled(registry: TestRegistry): Promise<TestUser> {
  const user = new TestUser();
  const urls = FILES.map((name) =>
    registry.addFile(`/debian/pool/${name}`, utf8(`!<arch>\n${name}`))
  );
  await ok(user, ["fetch", ...urls]);
  for (const version of ["one", "two"]) {
    const command = ["sh", "-c", `echo ${version} > $LARDER_OUTPUT`];
    await ok(user, ["build", "--sandbox", "none", "-o", "router.img", "--", ...command]);
  }
  age(user);
  return user;
}

/** Returns the names of the entries that `gc` keeps with these settings, short. */
async function keptWith(user: TestUser, env: Record<string, string>): Promise<string[]> {
  const { stdout } = await ok(user, ["gc", "--dry-run", "--format", "json"], env);
  const { remove } = JSON.parse(stdout);
  const removed = new Set(remove.entries.map(({ name }: { name: string }) => name));
  return (await names(user)).filter((name) => !removed.has(name)).map((name) =>
    name.replace(/^.*\/(?=[^/]+\/[^/]+\/amd64$)/, "").replace(/@.*/, "")
  );
}

const HELLO = "hello/2.10-3/amd64";
const LIBC = ["libc6/2.41-12/amd64", "libc6/2.41-13/amd64"];
const PACKAGES = [HELLO, ...LIBC];
const BUILDS = ["router.img", "router.img"];

/** Settings of OS Image Composer, and what they leave of three packages and two builds. */
const SETTINGS: readonly (readonly [key: string, value: string, kept: readonly string[]])[] = [
  ["package_cache.enabled", "true", [...PACKAGES, ...BUILDS]],
  ["package_cache.enabled", "false", BUILDS],
  ["package_cache.retention_days", "3", [...PACKAGES, ...BUILDS]],
  ["package_cache.retention_days", "1", BUILDS],
  ["package_cache.max_size_gb", "0", BUILDS],
  ["image_cache.enabled", "false", PACKAGES],
  ["image_cache.max_count", "1", [...PACKAGES, "router.img"]],
];

Deno.test("gc obeys the settings of OS Image Composer for packages and builds", async (t) => {
  await using registry = await TestRegistry.start();
  using user = await filled(registry);
  for (const [key, value, kept] of SETTINGS) {
    await t.step(`storage.${key}: ${value}`, async () => {
      const name = `LARDER_STORAGE_${key.replace(".", "_").toUpperCase()}`;
      assert.deepEqual(await keptWith(user, { [name]: value }), kept);
    });
  }
});

Deno.test("gc --keep-last keeps a version of each package, and a pinned glob keeps all", async () => {
  await using registry = await TestRegistry.start();
  using user = await filled(registry);
  const gc = async () => {
    const limits = ["--unused", "package=1d", "--keep-last", "package=1"];
    const { stdout } = await ok(user, ["gc", "--dry-run", "--format", "json", ...limits]);
    return JSON.parse(stdout).remove.entries.length;
  };
  assert.equal(await gc(), 1);
  await ok(user, ["pin", "libc6/*"]);
  assert.equal(await gc(), 0);
});

Deno.test("info, why and clean take the short name of a package and the key of a build", async () => {
  await using registry = await TestRegistry.start();
  using user = await filled(registry);
  const hello = await ok(user, ["info", "hello"]);
  assert.match(hello.stdout, /^VERSION +2.10-3\nARCH +amd64\n/m);
  assert.match(
    hello.stdout,
    /^URL +http:\/\/127.0.0.1:\d+\/debian\/pool\/hello_2.10-3_amd64.deb$/m,
  );
  const why = await ok(user, ["why", "hello"]);
  assert.match(why.stdout, /fetched \d+ B: it was not cached$/m);
  const [build] = (await names(user)).filter((name) => name.startsWith("router.img@"));
  const key = build!.slice(build!.indexOf(":") + 1).slice(0, 12);
  const info = await ok(user, ["info", key]);
  assert.match(info.stdout, new RegExp(`^NAME +${build}$`, "m"));
  assert.match(info.stdout, /^COMMAND +sh -c echo (?:one|two) > \$LARDER_OUTPUT$/m);
  assert.match((await ok(user, ["why", key])).stdout, /built: it was not cached$/m);
  await ok(user, ["clean", "--force", "hello", key]);
  assert.equal((await names(user)).length, 3);
  assert.match((await ok(user, ["why", "hello"])).stdout, /is not in the cache/);
});

/** Returns the path of the first file of an entry. */
async function pathOf(user: TestUser, name: string): Promise<string> {
  const { stdout } = await ok(user, ["info", "--format", "json", name]);
  return JSON.parse(stdout).files[0].path;
}

Deno.test("verify --repair removes a damaged build, and says how to get it back", async () => {
  await using registry = await TestRegistry.start();
  using user = await filled(registry);
  const [build] = (await names(user)).filter((name) => name.startsWith("router.img@"));
  flipBit(await pathOf(user, build!));
  const found = await user.larder(["verify"]);
  assert.equal(found.code, 5, found.stderr);
  assert.match(
    found.stderr,
    /^hint: larder verify --repair removes what is damaged, and says how/m,
  );
  const repaired = await ok(user, ["verify", "--repair"]);
  assert.match(repaired.stderr, /^warning: removed router.img@sha256:[0-9a-f]{12}: larder build /m);
  assert.equal((await names(user)).length, 4);
  assert.equal((await user.larder(["verify"])).code, 0);
});

Deno.test("verify --repair fetches damaged and missing packages from their URLs, by digest", async () => {
  await using registry = await TestRegistry.start();
  using user = await filled(registry);
  const [hello, ...others] = await Promise.all(
    ["hello", "libc6=2.41-12", "libc6=2.41-13"].map((name) => pathOf(user, name)),
  );
  flipBit(hello!);
  Deno.removeSync(others[0]!);
  const offline = await user.larder(["verify", "--repair", "--offline"]);
  assert.equal(offline.code, 5, offline.stderr);
  assert.match(offline.stderr, /could not repair .*\/hello\/.*: .*\[LDR_NOT_CACHED\]$/m);
  const [file] = FILES;
  registry.addFile(`/debian/pool/${file}`, utf8("!<arch>\nother"));
  const changed = await user.larder(["verify", "--repair"]);
  assert.equal(changed.code, 5, changed.stderr);
  registry.addFile(`/debian/pool/${file}`, utf8(`!<arch>\n${file}`));
  user.write(".config/larder/config.yaml", "freshness: {policy: never}\n"); // Of tags, not of repairs.
  const repaired = await ok(user, ["verify", "--repair"]);
  assert.match(repaired.stderr, /^repaired .*\/hello\/2.10-3\/amd64$/m);
  assert.equal((await names(user)).length, 5);
  assert.match((await ok(user, ["verify"])).stderr, /: no faults$/m);
});
