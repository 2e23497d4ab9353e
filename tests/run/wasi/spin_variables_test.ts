import assert from "node:assert/strict";
import { variableImports } from "../../../src/run/wasi/spin_variables.ts";
import { refusedWith } from "../../support/wasm/streams.ts";

const { get } = variableImports({ api_url: "https://x", empty: "" })["fermyon:spin/variables"] as {
  get(name: string): string;
};

Deno.test("a component sees its variables", () => {
  assert.deepEqual([get("api_url"), get("empty")], ["https://x", ""]);
});

for (const name of ["none", "constructor"]) {
  Deno.test(`the variable "${name}" is undefined where there is none`, () => {
    assert.throws(
      () => get(name),
      refusedWith((payload) => (payload as { tag: string }).tag === "undefined"),
    );
  });
}

for (const name of ["", "Api", "api-url", "1a", "a__b", "a_", "__proto__", "ä"]) {
  Deno.test(`"${name}" is no name of a variable`, () => {
    const tag = { tag: "invalid-name", val: name };
    assert.throws(
      () => get(name),
      refusedWith((payload) => JSON.stringify(payload) === JSON.stringify(tag)),
    );
  });
}
