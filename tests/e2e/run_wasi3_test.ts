import assert from "node:assert/strict";
import { Serving } from "../support/cli/serving.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { asyncGuestBytes, rustAsyncKeyValue } from "../support/wasm/components.ts";

Deno.test("run runs a command of WASI 0.3, and finds its compiled form again", async () => {
  using user = new TestUser();
  user.write("command.wasm", await asyncGuestBytes("async_command"));
  const run = (stdin: string) => user.larder(["run", "command.wasm"], { stdin });
  assert.deepEqual(await run("hello\n"), {
    code: 0,
    stdout: "hello\n",
    stderr: "compiling command.wasm (cached for later runs)\n",
  });
  assert.deepEqual(await run("error\n"), { code: 1, stdout: "error\n", stderr: "" });
  const trapped = await run("trap\n");
  assert.deepEqual([trapped.code, trapped.stdout], [1, "trap\n"]);
  assert.match(
    trapped.stderr,
    /command\.wasm trapped: .*unreachable.* \[LDR_GUEST\]\n {3}0: function \d+\n/,
  );
});

Deno.test("run serves a handler of a later WASI 0.3, also after a request has trapped", async () => {
  using user = new TestUser();
  const later = (text: string) => text.replaceAll("@0.3.0", "@0.3.2");
  user.write("handler.wasm", await asyncGuestBytes("async_handler", later));
  await using serving = await Serving.start(user, ["handler.wasm"]);
  const body = "0123456789abcdef".repeat(50_000);
  assert.deepEqual(await serving.get("/", { method: "POST", body }), [200, body]);
  assert.deepEqual(await serving.get("/ttt"), [500, "500 Internal Server Error\n"]);
  assert.deepEqual(await serving.get("/", { method: "POST", body: "again" }), [200, "again"]);
  const { code, stderr } = await serving.stop();
  assert.equal(code, 0);
  assert.match(stderr, /handler\.wasm: .*unreachable.*\n {3}0: function \d+\n/);
});

Deno.test("run gives a component of WASI 0.3 the asynchronous stores of Spin 4", async () => {
  using user = new TestUser();
  user.write("stores.wasm", await asyncGuestBytes("async_stores"));
  const { code, stdout, stderr } = await user.larder(["run", "--state", ":memory:", "stores.wasm"]);
  assert.deepEqual([code, stdout], [0, "keyrow!"], stderr);
});

Deno.test("run keeps the stores of a component of Spin's Rust SDK for WASI 0.3", async () => {
  using user = new TestUser();
  user.write("kv.wasm", rustAsyncKeyValue());
  for (const first of [0, 2]) {
    await using serving = await Serving.start(user, ["--state", "state", "kv.wasm"]);
    for (const count of [first, first + 1]) {
      assert.deepEqual(await serving.get("/"), [200, `${count} count 42\n`]);
    }
    await serving.stop();
  }
});
