import assert from "node:assert/strict";
import { Serving } from "../support/cli/serving.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { type BuiltGuest, builtGuest, missingToolchain } from "../support/wasm/built_guests.ts";

/** Registers a test of a guest; one whose toolchain is missing is named as not run. */
async function guestTest(
  guest: BuiltGuest,
  name: string,
  body: (serving: Serving) => Promise<void>,
  output = "",
): Promise<void> {
  const missing = await missingToolchain(guest);
  // deno-lint-ignore no-console
  if (missing) console.warn(`not run: "${name}" (${missing})`);
  Deno.test({
    name,
    ignore: missing !== undefined,
    async fn() {
      using user = new TestUser();
      user.write("guest.wasm", await builtGuest(guest));
      await using serving = await Serving.start(user, ["--state", ":memory:", "guest.wasm"]);
      await body(serving);
      const { code, stdout } = await serving.stop();
      assert.deepEqual([code, stdout], [0, output]);
    },
  });
}

await guestTest("go", "run makes a component of a module that Go has built", async (serving) => {
  assert.deepEqual(await serving.get("/a"), [200, "/a 42\n"]);
  assert.deepEqual(await serving.get("/b"), [200, "/b 42\n"]);
}, "path /a\npath /b\n");

await guestTest(
  "python",
  "run serves a component of Spin's Python SDK, with its stores",
  async (serving) => {
    assert.deepEqual(await serving.get("/a"), [200, "/a 0 ['count'] [42, 'x']\n"]);
    assert.deepEqual(await serving.get("/b"), [200, "/b 1 ['count'] [42, 'x']\n"]);
  },
);
