import assert from "node:assert/strict";
import { trap } from "../../../src/run/wasi/errors.ts";
import { moduleOf } from "../../support/wasm/components.ts";

const catcher = await moduleOf(`(module
  (import "host" "call" (func $call))
  (func (export "run") (result i32)
    (block $caught (try_table (catch_all $caught) (call $call)) (return (i32.const 0)))
    (i32.const 1)))`);

function runWith(call: () => void): unknown {
  const { exports } = new WebAssembly.Instance(catcher, { host: { call } });
  return (exports["run"] as () => unknown)();
}

Deno.test("trap gets past a guest's exception handlers, unlike other errors", () => {
  assert.equal(
    runWith(() => {
      throw new WebAssembly.RuntimeError("thrown");
    }),
    1,
  );
  assert.throws(() => runWith(() => trap("not caught")), {
    name: "RuntimeError",
    message: "not caught",
  });
});
