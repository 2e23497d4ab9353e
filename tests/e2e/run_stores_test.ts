import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { packApp } from "../support/cache/spin_apps.ts";
import { preparedUser } from "../support/cli/prepared_user.ts";
import { Serving } from "../support/cli/serving.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { DockerRegistry } from "../support/registry/docker_registry.ts";
import { push } from "../support/registry/push.ts";
import { guestBytes, rustKeyValue } from "../support/wasm/components.ts";

/** Creates a user with a component that counts its requests, already compiled. */
const userWithStores = preparedUser(async (user) => {
  user.write("kv.wasm", rustKeyValue());
  await (await Serving.start(user, ["--state", ":memory:", "kv.wasm"])).stop();
});

/** Sends a request; the guest answers with the number of those before it. */
async function count(serving: Serving): Promise<number> {
  const [status, text] = await serving.get("/");
  assert.deepEqual([status, /^(\d+) \["1"\]$/.test(text)], [200, true], text);
  return parseInt(text);
}

Deno.test("run keeps stores in the data folder, which gc and clean leave alone", async () => {
  using user = await userWithStores();
  for (const expected of [0, 1]) {
    await using serving = await Serving.start(user, ["kv.wasm"]);
    assert.equal(await count(serving), expected);
    assert.equal((await serving.stop()).code, 0);
    const { code } = await user.larder(["clean", "--force"]);
    assert.equal(code, 0);
  }
  const data = (await user.larder(["dir", "--data"])).stdout.trim();
  assert.ok(data.startsWith(user.home), data);
  const [folder] = [...Deno.readDirSync(join(data, "state"))];
  assert.match(folder!.name, /^file\+kv\.wasm\+[0-9a-f]{12}$/);
  assert.ok(existsSync(join(data, "state", folder!.name, "sqlite_key_value.db")));
});

Deno.test("run keeps stores in --state DIR, in memory, or where the runtime config says", async () => {
  using user = await userWithStores();
  user.write(
    "runtime.toml",
    'state_dir = "named"\n[key_value_store.default]\ntype = "spin"\npath = "kv.db"\n',
  );
  for (
    const [args, files] of [
      [["--state", ":memory:"], []],
      [["--state", "here"], ["here/sqlite_key_value.db", "here/sqlite_db.db"]],
      [["--runtime-config-file", "runtime.toml"], ["kv.db", "named/sqlite_db.db"]],
    ] as const
  ) {
    for (const expected of files.length === 0 ? [0, 0] : [0, 1]) {
      await using serving = await Serving.start(user, [...args, "kv.wasm"]);
      assert.equal(await count(serving), expected, args.join(" "));
      await serving.stop();
    }
    for (const file of files) assert.ok(existsSync(user.path(file)), file);
  }
  assert.ok(!existsSync((await user.larder(["dir", "--data"])).stdout.trim()));
});

Deno.test("run keeps every write that was answered before it was killed", async () => {
  using user = await userWithStores();
  let expected = 0;
  for (let round = 0; round < 2; round++) {
    await using serving = await Serving.start(user, ["kv.wasm"]);
    for (let i = 0; i < 5; i++) assert.equal(await count(serving), expected++);
    // One more, whose write may be under way.
    const last = count(serving).catch(() => undefined);
    serving.kill("SIGKILL");
    await serving.result;
    if (await last !== undefined) expected++;
    await using next = await Serving.start(user, ["kv.wasm"]);
    const actual = await count(next);
    assert.ok(actual === expected || actual === expected + 1, `${actual}, not ${expected}`);
    expected = actual + 1;
    await next.stop();
  }
});

Deno.test("two runs of one app use its stores at the same time", async () => {
  using user = await userWithStores();
  await using first = await Serving.start(user, ["kv.wasm"]);
  await using second = await Serving.start(user, ["kv.wasm"]);
  for (let i = 0; i < 6; i++) assert.equal(await count(i % 2 === 0 ? first : second), i);
  // Reading and writing are two calls of the guest, so that counts can be lost, but no call fails.
  await Promise.all(Array.from({ length: 10 }, (_, i) => count(i % 2 === 0 ? first : second)));
});

Deno.test("run reports a damaged state file, and leaves it as it is", async () => {
  using user = await userWithStores();
  Deno.mkdirSync(user.path("state"));
  const file = user.write("state/sqlite_key_value.db", "damaged ".repeat(100));
  const { code, stderr } = await user.larder([
    "run",
    "--listen",
    "127.0.0.1:0",
    "--state",
    "state",
    "kv.wasm",
  ]);
  assert.equal(code, 7, stderr);
  assert.match(stderr, /state\/sqlite_key_value\.db: it is not an SQLite file \[LDR_DISK\]/);
  assert.match(stderr, /--state/);
  assert.match(Deno.readTextFileSync(file), /^damaged/);
});

Deno.test("the tags of a repository share the stores that its manifest names", async () => {
  await using registry = await DockerRegistry.start();
  using user = new TestUser();
  const wasm = rustKeyValue();
  const metadata = { key_value_stores: ["default"], databases: ["default"] };
  const app = { components: { kv: { wasm, members: { metadata } } } };
  for (const tag of ["v1", "v2"]) await push(registry.url, "team/app", await packApp(app), tag);
  for (const [tag, expected] of [["v1", 0], ["v2", 1]] as const) {
    await using serving = await Serving.start(user, [`${registry.host}/team/app:${tag}`]);
    assert.equal(await count(serving), expected);
    await serving.stop();
  }
  await push(registry.url, "team/other", await packApp({ components: { kv: { wasm } } }), "v1");
  await using serving = await Serving.start(user, [`${registry.host}/team/other:v1`]);
  assert.equal((await serving.get("/"))[0], 500, "its manifest grants no store");
});

Deno.test("run takes variables of files and the environment, also for a component", async () => {
  using user = new TestUser();
  user.write("variable.wasm", await guestBytes("variable"));
  user.write("token", "of the file");
  user.write("more.json", '{ "more": "of JSON", "both": "of JSON" }');
  const args = ["--variable", "token=@token", "--variable", "@more.json", "variable.wasm"];
  const env = { SPIN_VARIABLE_FROM_ENV: "of the environment", SPIN_VARIABLE_BOTH: "not seen" };
  await using serving = await Serving.start(user, args, { env });
  for (
    const [path, text] of [
      ["/token", "of the file"],
      ["/more", "of JSON"],
      ["/both", "of JSON"],
      ["/from_env", "of the environment"],
    ] as const
  ) assert.deepEqual(await serving.get(path), [200, text]);
});

Deno.test("run says which interfaces are stubs, and runs what does not call them", async () => {
  using user = new TestUser();
  const connect =
    '(import "fermyon:spin/redis@2.0.0" "[static]connection.open" (func (param i32 i32 i32)))';
  const wasm = await guestBytes(
    "variable",
    (wat) =>
      wat.replace(";;! export", ";;! import fermyon:spin/redis@2.0.0;\n;;! export")
        .replace("(module", `(module ${connect}`),
  );
  user.write("stub.wasm", wasm);
  await using serving = await Serving.start(user, ["--variable", "a=b", "stub.wasm"]);
  assert.match(serving.stderr, /^not available, so calls fail: fermyon:spin\/redis@2\.0\.0$/m);
  assert.deepEqual(await serving.get("/a"), [200, "b"]);
});
