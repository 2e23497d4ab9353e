import assert from "node:assert/strict";
import { limitHeap } from "../../../../src/run/wasm/rewrite/limit_heap.ts";
import { binaryOf } from "../../../support/wasm/components.ts";

/** Returns the size to which the exported table of a limited module can grow. */
async function grown(table: string): Promise<number> {
  const text = `(module (type (func (param i32 (ref null func)) (result i64 externref)))
    (table $a ${table}) (table $b 1 funcref) (memory 1)
    (export "table" (table $a)) (elem (i32.const 0) 0) (func))`;
  const { exports } = new WebAssembly.Instance(
    new WebAssembly.Module(limitHeap(await binaryOf(text))),
  );
  const { table: own } = exports as { table: WebAssembly.Table };
  try {
    for (;;) own.grow(1000);
  } catch {
    return own.length;
  }
}

for (
  const [table, size] of [
    ["5 funcref", 10_005],
    ["5 8 funcref", 5],
    ["5 2005 (ref null func)", 2005],
    ["20000 40000 funcref", 30_000],
  ] as const
) {
  Deno.test(`limitHeap lets a table of ${table} grow to ${size}`, async () => {
    assert.equal(await grown(table), size);
  });
}

Deno.test("limitHeap returns a module without tables as it is", async () => {
  const bytes = await binaryOf("(module (func) (memory 1))");
  assert.equal(limitHeap(bytes), bytes);
});

for (
  const [what, fields, reason] of [
    [
      "large tables",
      "(table 600000 funcref) (table 600000 funcref)",
      /^tables of 1200000 elements/,
    ],
    ["objects", "(type (struct (field i32)))", /^garbage-collected types/],
    ["arrays", "(type (array i8))", /^garbage-collected types/],
    ["recursive types", "(rec (type (func)) (type (func)))", /^garbage-collected types/],
    ["a chain of exceptions", "(type (func (param i32 exnref)))", /^an exception that can refer/],
    ["the same by reference", "(type (func (param (ref null exn))))", /^an exception that can/],
  ] as const
) {
  Deno.test(`limitHeap refuses a module with ${what}`, async () => {
    const bytes = await binaryOf(`(module ${fields})`);
    assert.throws(() => limitHeap(bytes), { message: reason });
  });
}
