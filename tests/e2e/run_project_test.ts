import assert from "node:assert/strict";
import { join } from "node:path";
import { Serving } from "../support/cli/serving.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { digestOf } from "../support/cache/artifacts.ts";
import { HttpServer } from "../support/registry/http_server.ts";
import { guestBytes, moduleBytes, rustKeyValue } from "../support/wasm/components.ts";

Deno.test("run serves a project by its spin.toml or its folder", async () => {
  const remote = await guestBytes("variable");
  await using server = await HttpServer.start(() => ({ status: 200, headers: {}, body: remote }));
  using user = new TestUser();
  Deno.mkdirSync(user.path("app"));
  user.write("app/draft.wasm", await guestBytes("draft_handler"));
  user.write("app/kv.wasm", rustKeyValue());
  user.write("app/cgi.wasm", await moduleBytes("preview1_cgi"));
  user.write(
    "app/spin.toml",
    `spin_manifest_version = 2
    [application]
    name = "app"
    [variables]
    name = { required = true }
    [[trigger.http]]
    route = "/draft/..."
    component = "draft"
    [[trigger.http]]
    route = "/kv"
    component = "kv"
    [[trigger.http]]
    route = "/greeting"
    component = "variable"
    [[trigger.http]]
    route = "/cgi/..."
    component = "cgi"
    executor = { type = "wagi" }
    [component.cgi]
    source = "cgi.wasm"
    environment = { OWN = "1" }
    [component.draft]
    source = "draft.wasm"
    [component.kv]
    source = "kv.wasm"
    key_value_stores = ["default"]
    sqlite_databases = ["default"]
    [component.variable]
    source = { url = "http://${server.host}/v.wasm", digest = "${digestOf(remote)}" }
    variables = { greeting = "hello {{ name }}" }`,
  );
  const env = { SPIN_VARIABLE_NAME: "Alice" };
  for (const [subject, count] of [["./app", 0], ["app", 1], ["app/spin.toml", 2]] as const) {
    await using serving = await Serving.start(user, [subject], { env });
    const response = await serving.fetch("/draft/x");
    assert.deepEqual(
      [response.status, response.headers.get("x-draft"), await response.text()],
      [201, "yes", "of the draft\n"],
    );
    assert.deepEqual(await serving.get("/greeting"), [200, "hello Alice"]);
    const printed = await serving.fetch("/cgi/a?b", { method: "POST", body: "input" });
    assert.deepEqual([printed.status, printed.headers.get("x-sent-by")], [200, "cgi"]);
    assert.match(
      await printed.text(),
      /^\/cgi\/a\0b\0OWN=1\0(?:.+\0)?PATH_INFO=\/a\0.*AUTH_TYPE=\0CONTENT_LENGTH=5\0.*\0input$/s,
    );
    assert.deepEqual(await serving.get("/cgi?a&b"), [500, "500 Internal Server Error\n"]);
    assert.deepEqual(await serving.get("/kv"), [200, `${count} ["1"]`]);
    assert.equal((await serving.stop()).code, 0);
  }
  assert.equal(server.requests().length, 1, "the component is cached");
});

Deno.test("run names what a project lacks", async (t) => {
  using user = new TestUser();
  Deno.mkdirSync(user.path("app"));
  const manifest = (text: string) => user.write("app/spin.toml", text);
  const failure = async (subject: string) => {
    const { code, stderr } = await user.larder(["run", subject]);
    return [code, stderr] as const;
  };
  await t.step("its manifest", async () => {
    const [code, stderr] = await failure("./app");
    assert.equal(code, 3);
    assert.match(stderr, /no spin\.toml in the folder \.\/app \[LDR_NOT_FOUND\]/);
  });
  await t.step("its manifest, in the place of which is a folder", async () => {
    Deno.mkdirSync(user.path("app/spin.toml"));
    const [code, stderr] = await failure("app");
    assert.equal(code, 3);
    assert.match(stderr, /app\/spin\.toml is a folder, not a Spin manifest \[LDR_NOT_FOUND\]/);
    Deno.removeSync(user.path("app/spin.toml"));
  });
  await t.step("the Wasm of a component, with the command that builds it", async () => {
    manifest(`spin_manifest_version = 2
    application = { name = "app" }
    [[trigger.http]]
    route = "/..."
    component = "c"
    [component.c]
    source = "target/c.wasm"
    build = { command = "cargo build --release" }`);
    const [code, stderr] = await failure(join("app", "spin.toml"));
    assert.equal(code, 3);
    assert.match(stderr, /no file target\/c\.wasm, the Wasm of the component "c"/);
    assert.match(stderr, /build it first: cargo build --release/);
  });
  await t.step("valid TOML", async () => {
    manifest("spin_manifest_version = ");
    const [code, stderr] = await failure("app");
    assert.equal(code, 2);
    assert.match(stderr, /spin\.toml:1:\d+/);
  });
  await t.step("a value of its own, and what can run it instead", async () => {
    user.write("app/c.wasm", rustKeyValue());
    const faults = [
      ["[component.c]\nvariables = { x = '{{ y }}' }", 2, 'has no variable "y"', "correct it"],
      ["executor.type = 'wagi'\n[component.c]", 1, "is not a command", "leave it out"],
      [
        "executor.type = 'wagi'\n[[trigger.http]]\nroute = '/b'\ncomponent = 'c'\n[component.c]",
        1,
        'component "c" has several executors',
        "spin up in its",
      ],
      ["[[trigger.redis]]\ncomponent = 'c'\n[component.c]", 1, "type redis", "spin up in its"],
    ] as const;
    for (const [text, code, reason, hint] of faults) {
      manifest(`spin_manifest_version = 2
      application = { name = "app" }
      [[trigger.http]]
      route = "/..."
      component = "c"
      ${text}
      source = "c.wasm"`);
      const [actual, stderr] = await failure("app");
      assert.equal(actual, code);
      assert.ok(
        stderr.includes(reason) && stderr.includes(`hint: `) && stderr.includes(hint),
        stderr,
      );
    }
  });
});
