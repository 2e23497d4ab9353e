import assert from "node:assert/strict";
import { blob, image, randomBytes } from "../support/cache/artifacts.ts";
import { packApp } from "../support/cache/spin_apps.ts";
import { assertNoStrayFiles, assertStoreSound } from "../support/cache/store_check.ts";
import { age, bytesOf, names, pull } from "../support/cache/user_cache.ts";
import { onTerminal } from "../support/cli/on_terminal.ts";
import { Serving } from "../support/cli/serving.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";
import { guestBytes } from "../support/wasm/components.ts";

const SHARED = blob(randomBytes(1000, "shared"));
const ONE = image([SHARED, "one"]);
const TWO = image([SHARED, "two"]);

Deno.test("gc --unused removes an entry, and pull fetches only what was freed", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
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
  assertNoStrayFiles(user.registry);
  await pull(user, one);
  assert.equal(registry.downloads(SHARED).length, 1);
  assertStoreSound(user.registry);
});

Deno.test("clean asks on a terminal and removes nothing unless the answer is yes", async (t) => {
  await using registry = await TestRegistry.start();
  const reference = registry.add("app", ONE, "v1");
  const answers = [["\r", false], ["n\r", false], ["\x04", false], ["y\r", true]] as const;
  for (const [answer, isGone] of answers) {
    await t.step(JSON.stringify(answer), async () => {
      using user = new TestUser();
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

Deno.test("clean removes nothing if Ctrl-C interrupts its question, and says so", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const reference = registry.add("app", ONE, "v1");
  await pull(user, reference);
  await using larder = await onTerminal(user, ["clean"]);
  await larder.said("[y/N]");
  await larder.type("\x03");
  const { code, stderr } = await larder.result;
  assert.equal(code, 130, stderr);
  assert.match(stderr, /^error: interrupted \[LDR_INTERRUPTED\]\r?\nhint: nothing was changed/m);
  assert.deepEqual(await names(user), [reference]);
});

Deno.test("pull collects over a configured limit and keeps the entry that it fetched", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  user.write(".config/larder/config.yaml", "gc:\n  max_count: 1\n");
  const [one, two] = [registry.add("one", ONE, "v1"), registry.add("two", TWO, "v1")];
  await pull(user, one);
  age(user);
  const said = await pull(user, two);
  assert.match(said, /^cleaned the cache: freed .*, removed 1 entry$/m);
  assert.deepEqual(await names(user), [two]);
  assertStoreSound(user.registry);
  age(user);
  // A pull that fetches nothing does not collect.
  assert.doesNotMatch(await pull(user, two), /cleaned/);
  user.write(".config/larder/config.yaml", "gc:\n  max_count: 1\n  auto: false\n");
  assert.doesNotMatch(await pull(user, one), /cleaned/);
  assert.equal((await names(user)).length, 2);
});

Deno.test("run collects over a configured limit only after it has ended", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
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
