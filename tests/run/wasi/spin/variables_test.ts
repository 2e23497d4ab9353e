import assert from "node:assert/strict";
import { variableImports } from "../../../../src/run/wasi/spin/variables.ts";
import { wasiError } from "../../../support/wasm/streams.ts";

const { get } = variableImports({ api_url: "https://x", empty: "" })["fermyon:spin/variables"] as {
  get(name: string): string;
};

Deno.test("fermyon:spin/variables returns the component's variables", () => {
  assert.deepEqual([get("api_url"), get("empty")], ["https://x", ""]);
});

Deno.test("wasi:config returns the component's variables, by both names of its interface", () => {
  const imports = variableImports({ a: "1" });
  for (const name of ["wasi:config/store", "wasi:config/runtime"]) {
    const { get, getAll } = imports[name] as { get(key: string): string; getAll(): string[][] };
    assert.deepEqual([get("a"), get("toString"), getAll()], ["1", undefined, [["a", "1"]]]);
  }
});

for (const name of ["none", "constructor"]) {
  Deno.test(`fermyon:spin/variables: "${name}" is undefined`, () => {
    assert.throws(
      () => get(name),
      wasiError((payload) => (payload as { tag: string }).tag === "undefined"),
    );
  });
}

for (const name of ["", "Api", "api-url", "1a", "a__b", "a_", "__proto__", "ä"]) {
  Deno.test(`fermyon:spin/variables: "${name}" is an invalid name`, () => {
    const tag = { tag: "invalid-name", val: name };
    assert.throws(
      () => get(name),
      wasiError((payload) => JSON.stringify(payload) === JSON.stringify(tag)),
    );
  });
}
