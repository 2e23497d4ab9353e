import assert from "node:assert/strict";
import { User } from "../support/cli.ts";
import { guestBytes } from "../support/components.ts";
import { FixtureRegistry } from "../support/fixture_registry.ts";
import { jsComponent } from "../support/js_component.ts";
import { Serving } from "../support/serving.ts";
import { packApp } from "../support/spin_apps.ts";
import { assertStoreSound, filesBelow } from "../support/store_check.ts";

/** The types of the entries that `larder list` shows. */
async function listedTypes(user: User): Promise<string[]> {
  const { code, stdout, stderr } = await user.larder(["list", "--format", "json"]);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout).map(({ type }: { type: string }) => type).sort();
}

Deno.test("what an app that runs uses is not cleaned away, and is once it has ended", async () => {
  await using registry = await FixtureRegistry.start();
  using user = new User();
  const files = { "style.css": "h1 { color: red }" };
  const archived = { "archived.txt": "of an archive" };
  const app = await packApp({
    components: { handler: { wasm: await jsComponent("http_handler"), files, archived } },
  });
  const reference = registry.add("app", app, "v1");
  const other = registry.add(
    "other",
    await packApp({ components: { one: { wasm: await guestBytes("http_cases") } } }),
    "v1",
  );
  await (await Serving.start(user, [other])).stop();
  await using serving = await Serving.start(user, [reference]);
  assert.deepEqual(await listedTypes(user), ["app", "app", "compiled", "compiled"]);
  const before = filesBelow(user.registry).length;

  const cleaned = await user.larder(["clean", "--force"]);
  assert.equal(cleaned.code, 0, cleaned.stderr);
  assert.deepEqual(await listedTypes(user), ["app", "compiled"]);
  assert.ok(filesBelow(user.registry).length < before);
  for (const [path, text] of Object.entries({ ...files, ...archived })) {
    assert.deepEqual(await serving.get(`/file/${path}`), [200, text]);
  }
  {
    await using second = await Serving.start(user, ["--offline", reference]);
    assert.doesNotMatch(second.stderr, /compiling/);
    await second.stop();
  }
  assertStoreSound(user.registry);

  await serving.stop();
  assert.equal((await user.larder(["clean", "--force"])).code, 0);
  assert.deepEqual(await listedTypes(user), []);
  assert.deepEqual(filesBelow(`${user.registry}/data`), []);
  assert.deepEqual(filesBelow(`${user.registry}/wasm`), []);
});

Deno.test("a tag that moves on while its old app runs takes nothing from it", async () => {
  await using registry = await FixtureRegistry.start();
  using user = new User();
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
