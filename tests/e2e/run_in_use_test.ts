import assert from "node:assert/strict";
import { join } from "node:path";
import type { Artifact } from "../support/cache/artifacts.ts";
import { packApp } from "../support/cache/spin_apps.ts";
import { assertStoreSound, filesBelow } from "../support/cache/store_check.ts";
import { DAY } from "../support/cache/test_cache.ts";
import { preparedUser } from "../support/cli/prepared_user.ts";
import { Serving } from "../support/cli/serving.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";
import { guestBytes } from "../support/wasm/components.ts";
import { jsComponent } from "../support/wasm/js_component.ts";

/** Returns the types of the entries that `larder list` shows. */
async function listedTypes(user: TestUser): Promise<string[]> {
  const { code, stdout, stderr } = await user.larder(["list", "--format", "json"]);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout).map(({ type }: { type: string }) => type).sort();
}

/** Makes all content two days old, but not the leases of running apps. */
function ageContent(user: TestUser): void {
  const then = new Date(Date.now() - 2 * DAY);
  for (const tree of ["data", "wasm", "manifests", "compiled"]) {
    for (const path of filesBelow(join(user.registry, tree))) Deno.utimeSync(path, then, then);
  }
}

const FILES = { "style.css": "h1 { color: red }" };
const ARCHIVED = { "archived.txt": "of an archive" };
const COLLECTORS = [["clean", "--force"], ["gc", "--unused", "1d", "--force"]];

/** Packs an app of one component with static files, which it serves if it is the component of JavaScript. */
async function appWithFiles(wasm: Uint8Array): Promise<Artifact> {
  return await packApp({ components: { handler: { wasm, files: FILES, archived: ARCHIVED } } });
}

/** Creates a user for whom the component of JavaScript is already compiled. */
const userWithCompiled = preparedUser(async (user) => {
  const wasm = user.write("handler.wasm", await jsComponent("http_handler"));
  await (await Serving.start(user, [wasm])).stop();
  Deno.removeSync(wasm);
});

Deno.test("gc and clean keep the content of a running app", async (t) => {
  const otherApp = await packApp({ components: { one: { wasm: await guestBytes("http_cases") } } });
  for (const command of COLLECTORS) {
    await t.step(command[0]!, async () => {
      await using registry = await TestRegistry.start();
      using user = await userWithCompiled();
      const reference = registry.add(
        "app",
        await appWithFiles(await jsComponent("http_handler")),
        "v1",
      );
      const other = registry.add("other", otherApp, "v1");
      await (await Serving.start(user, [other])).stop();
      await using serving = await Serving.start(user, [reference]);
      assert.deepEqual(await listedTypes(user), ["app", "app", "compiled", "compiled"]);
      ageContent(user);
      const before = filesBelow(user.registry).length;

      const collected = await user.larder(command);
      assert.equal(collected.code, 0, collected.stderr);
      assert.deepEqual(await listedTypes(user), ["app", "compiled"]);
      assert.ok(filesBelow(user.registry).length < before);
      for (const [path, text] of Object.entries({ ...FILES, ...ARCHIVED })) {
        assert.deepEqual(await serving.get(`/file/${path}`), [200, text]);
      }
      await using second = await Serving.start(user, ["--offline", reference]);
      assert.doesNotMatch(second.stderr, /compiling/);
      await second.stop();
      assertStoreSound(user.registry);
    });
  }
});

Deno.test("gc and clean remove the content of an app that has ended", async (t) => {
  const app = await appWithFiles(await guestBytes("http_cases"));
  for (const command of COLLECTORS) {
    await t.step(command[0]!, async () => {
      await using registry = await TestRegistry.start();
      using user = new TestUser();
      const reference = registry.add("app", app, "v1");
      await (await Serving.start(user, [reference])).stop();
      if (command[0] === "gc") ageContent(user);
      assert.equal((await user.larder(command)).code, 0);
      assert.deepEqual(await listedTypes(user), []);
      assert.deepEqual(filesBelow(`${user.registry}/data`), []);
      assert.deepEqual(filesBelow(`${user.registry}/wasm`), []);
    });
  }
});

Deno.test("clean keeps the content of a running app whose tag has moved", async () => {
  await using registry = await TestRegistry.start();
  using user = await userWithCompiled();
  const wasm = await jsComponent("http_handler");
  const version = (text: string) =>
    packApp({ components: { handler: { wasm, files: { "version.txt": text } } } });
  const reference = registry.add("app", await version("one"), "v1");
  await using old = await Serving.start(user, [reference]);
  registry.add("app", await version("two"), "v1");
  await using next = await Serving.start(user, [reference]);
  const cleaned = await user.larder(["clean", "--force"]);
  assert.equal(cleaned.code, 0, cleaned.stderr);
  assert.deepEqual(await old.get("/file/version.txt"), [200, "one"]);
  assert.deepEqual(await next.get("/file/version.txt"), [200, "two"]);
  await old.stop();
  await next.stop();
});
