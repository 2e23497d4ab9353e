import assert from "node:assert/strict";
import { join } from "node:path";
import { blob, image, randomBytes } from "../support/cache/artifacts.ts";
import { age, names, pull } from "../support/cache/user_cache.ts";
import { DAY } from "../support/cache/test_cache.ts";
import { QuickUser } from "../support/cli/in_process.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";

const GB = 1e9;
const NOTE =
  /^the cache takes 23\.28 GiB and has no limit; to set one: larder config set gc\.max_size 30GB$/m;

/** Writes a blob that has this size and takes no space. */
function writeSparse(user: TestUser, size: number): void {
  const { descriptor } = blob("sparse");
  Deno.mkdirSync(join(user.registry, "data"), { recursive: true });
  using file = Deno.openSync(join(user.registry, "data", descriptor.digest), {
    create: true,
    write: true,
  });
  file.truncateSync(size);
}

Deno.test("pull into a cache of 25 GB without a limit says so once a month, on stderr, unless --quiet", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  writeSparse(user, 25 * GB);
  let count = 0;
  const fetch = async (...options: string[]) => {
    const reference = registry.add(`app${count}`, image([`${count++}`]), "v1");
    const result = await user.larder(["pull", ...options, reference]);
    assert.equal(result.code, 0, result.stderr);
    return result;
  };
  assert.doesNotMatch((await fetch("--quiet")).stderr, /limit/);
  const { stdout, stderr } = await fetch("--format", "json");
  assert.match(stderr, NOTE);
  JSON.parse(stdout);
  assert.doesNotMatch((await fetch()).stderr, NOTE);
  const month = new Date(Date.now() - 31 * DAY);
  Deno.utimeSync(join(user.registry, "reminder"), month, month);
  assert.match((await fetch()).stderr, NOTE);
  Deno.removeSync(join(user.registry, "reminder"));
  assert.match((await fetch()).stderr, NOTE);
});

Deno.test("pull says nothing of limits if the cache is small, has one, or gc.auto is off", async () => {
  await using registry = await TestRegistry.start();
  for (
    const [size, config] of [[GB, ""], [25 * GB, "max_size: 99GB"], [
      25 * GB,
      "auto: false",
    ]] as const
  ) {
    using user = new QuickUser();
    user.write(".config/larder/config.yaml", `gc: {${config}}`);
    writeSparse(user, size);
    assert.doesNotMatch(await pull(user, registry.add("app", image(["a"]), "v1")), /limit/);
  }
});

Deno.test("gc --auto and a pull with limits that leave nothing warn and remove nothing; gc --force does", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const old = ["a", "b", "c"].map((name) => registry.add(name, image([name]), "v1"));
  await pull(user, ...old);
  age(user);
  const config = (text: string) => user.write(".config/larder/config.yaml", text);
  const WARNING = /^warning: automatic gc removed nothing: the limits would remove all 3 entries /m;

  config("gc: {max_size: 20B}");
  const auto = await user.larder(["gc", "--auto"]);
  assert.equal(auto.code, 0);
  assert.match(auto.stderr, WARNING);
  config("gc: {unused: 1m}");
  const stderr = await pull(user, registry.add("new", image([blob(randomBytes(10))]), "v1"));
  assert.match(stderr, WARNING);
  assert.equal((await names(user)).length, 4);

  const dry = await user.larder(["gc", "--dry-run"]);
  assert.match(dry.stderr, /^warning: these limits remove every entry not pinned, /m);
  const forced = await user.larder(["gc", "--force"]);
  assert.equal(forced.code, 0);
  assert.match(forced.stderr, /removed 3 entries$/m);
  assert.equal((await names(user)).length, 1);
});

Deno.test("pull of more than gc.max_size keeps the others, and gc --max-size removes only it later", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const small = ["a", "b"].map((name) =>
    registry.add(name, image([blob(randomBytes(1000, name))]), "v1")
  );
  await pull(user, ...small);
  age(user);
  user.write(".config/larder/config.yaml", "gc: {max_size: 1MB}");
  const large = registry.add("large", image([blob(randomBytes(1_200_000))]), "v1");
  assert.match(await pull(user, large), /^warning: cannot reach max-size 1 MB: /m);
  assert.equal((await names(user)).length, 3);
  age(user);
  const { code, stderr } = await user.larder(["gc", "--force"]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(await names(user), small.toSorted());
});
