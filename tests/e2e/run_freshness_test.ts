import assert from "node:assert/strict";
import { join } from "node:path";
import { blob, MEDIA_TYPES } from "../support/cache/artifacts.ts";
import { packApp } from "../support/cache/spin_apps.ts";
import { assertStoreSound } from "../support/cache/store_check.ts";
import { Serving } from "../support/cli/serving.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { DockerRegistry } from "../support/registry/docker_registry.ts";
import { status } from "../support/registry/faults.ts";
import { push } from "../support/registry/push.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";
import { guestBytes } from "../support/wasm/components.ts";

/** Returns an HTTP component that answers /hello with these six bytes. */
async function saying(text: string): Promise<Uint8Array<ArrayBuffer>> {
  assert.equal(text.length, 6);
  return await guestBytes("http_cases", (wat) => wat.replace('"hello\\n"', `"${text}"`));
}

/** Packs an app of that component and a static file that never changes. */
async function appSaying(text: string) {
  const files = { "style.css": "h1 { color: red }" };
  return await packApp({ components: { cases: { wasm: await saying(text), files } } });
}

/** Runs an app, requests /hello once and stops it; returns the answer and stderr. */
async function runOnce(
  user: TestUser,
  ...args: string[]
): Promise<[answer: string, stderr: string]> {
  await using serving = await Serving.start(user, args);
  const [, answer] = await serving.get("/hello");
  const { code, stderr } = await serving.stop();
  assert.equal(code, 0, stderr);
  return [answer, stderr];
}

Deno.test("run fetches only the changed layers of a moved tag", async () => {
  await using registry = await DockerRegistry.start();
  using user = new TestUser();
  const reference = `${registry.host}/app:v1`;
  await push(registry.url, "app", await appSaying("first!"), "v1");
  assert.equal((await runOnce(user, reference))[0], "first!");

  const second = await appSaying("second");
  await push(registry.url, "app", second, "v1");
  const [answer, stderr] = await runOnce(user, reference);
  assert.equal(answer, "second");
  assert.match(stderr, /fetched 2 layers .*reused 1 layer /, "the Wasm and the locked app");
  assert.match(stderr, /^compiling/m);

  const [again, nothing] = await runOnce(user, reference);
  assert.equal(again, "second");
  assert.match(nothing, /^Use app from cache: .* is current/m);
  assert.doesNotMatch(nothing, /compiling|fetched/);
  assertStoreSound(user.registry);
});

Deno.test("run fetches and compiles only the component that changed", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const steady = await saying("steady");
  const pushed = async (text: string) => {
    const wasm = await saying(text);
    const components = { one: { wasm }, two: { wasm: steady } };
    const routes = { "/...": "one", "/two/...": "two" };
    registry.add("app", await packApp({ components, routes }), "v1");
    return blob(wasm, MEDIA_TYPES.spinWasm);
  };
  const reference = registry.reference("app", "v1");
  await pushed("first!");
  await runOnce(user, reference);
  const changed = await pushed("second");
  registry.clearLog();
  const [answer, stderr] = await runOnce(user, reference);
  assert.equal(answer, "second");
  assert.equal(registry.downloads(changed).length, 1);
  assert.equal(registry.downloads(blob(steady, MEDIA_TYPES.spinWasm)).length, 0);
  assert.deepEqual(stderr.match(/compiling the component "\w+"/g), [
    'compiling the component "one"',
  ]);
});

Deno.test("run makes one request for an unchanged app", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const reference = registry.add("app", await appSaying("first!"), "v1");
  await runOnce(user, reference);
  registry.clearLog();
  await runOnce(user, reference);
  assert.deepEqual(registry.requests().map(({ line }) => line), ["HEAD /v2/app/manifests/v1"]);
});

Deno.test("run makes no request for a cached digest", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const reference = registry.add("app", await appSaying("first!"));
  await runOnce(user, reference);
  registry.clearLog();
  assert.equal((await runOnce(user, reference))[0], "first!");
  assert.deepEqual(registry.requests(), []);
});

Deno.test("run follows the freshness options if the registry fails", async (t) => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const reference = registry.add("app", await appSaying("first!"), "v1");
  await runOnce(user, reference);
  registry.fail("/v2/", status(503, { "Retry-After": "0" }));
  registry.clearLog();

  await t.step(
    "without an option it fails with the age of the cached copy and a hint",
    async () => {
      const args = ["run", "--listen", "127.0.0.1:0", reference];
      const { code, stdout, stderr } = await user.larder(args);
      assert.deepEqual([code, stdout], [6, ""]);
      assert.match(stderr, /^error: .*the cached copy was confirmed .* ago \[LDR_SERVER_ERROR\]$/m);
      assert.match(stderr, /^hint: .*--offline.*--stale-if-error/m);
      assert.doesNotMatch(stderr, /Serving/);
    },
  );

  await t.step("--stale-if-error runs a copy that is not too old", async () => {
    const [answer, stderr] = await runOnce(user, "--stale-if-error", "1h", reference);
    assert.equal(answer, "first!");
    assert.match(
      stderr,
      /^warning: .* answered 503 .*; using the copy of .* last checked .* ago$/m,
    );
    const args = ["run", "--listen", "127.0.0.1:0", "--stale-if-error", "0s", reference];
    assert.equal((await user.larder(args)).code, 6);
  });

  await t.step("--offline and --policy missing run the copy without a request", async () => {
    registry.clearLog();
    assert.equal((await runOnce(user, "--offline", reference))[0], "first!");
    assert.equal((await runOnce(user, "--policy", "missing", reference))[0], "first!");
    assert.deepEqual(registry.requests(), []);
  });

  await t.step("--offline compiles and runs a copy that was only pulled", async () => {
    Deno.removeSync(join(user.registry, "compiled"), { recursive: true });
    registry.clearLog();
    const [answer, stderr] = await runOnce(user, "--offline", reference);
    assert.equal(answer, "first!");
    assert.match(stderr, /^compiling/m);
    assert.deepEqual(registry.requests(), []);
  });

  await t.step("--offline exits with 3 for an app that is not cached", async () => {
    const { code, stderr } = await user.larder(["run", "--offline", `${registry.host}/other:v1`]);
    assert.equal(code, 3);
    assert.match(stderr, /\[LDR_NOT_CACHED\]/);
  });
});
