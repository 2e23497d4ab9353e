import fc from "fast-check";
import assert from "node:assert/strict";
import { limitMemories, MAX_GUEST_MEMORY } from "../../../../src/run/wasm/rewrite/limit_memory.ts";
import { MEMORY_IMPORT, PAGE } from "../../../../src/run/wasm/rewrite/memory_image.ts";
import { MemoryPool } from "../../../../src/run/engine/memory_pool.ts";
import { MalformedWasm } from "../../../../src/run/wasm/binary/reader.ts";
import { binaryOf } from "../../../support/wasm/components.ts";
import { MODULE_HEADER } from "../../../support/wasm/wasm_encoder.ts";

const LIMIT = MAX_GUEST_MEMORY / PAGE;

type Exports = Readonly<Record<string, WebAssembly.Memory>>;

/** Returns the memories that an instance of the limited module exports. */
async function memoriesOf(wat: string, imported?: WebAssembly.Memory): Promise<Exports> {
  const { code, image } = limitMemories(await binaryOf(wat));
  const own = image && new MemoryPool(image).acquire();
  const { instance } = await WebAssembly.instantiate(code, {
    env: { memory: imported!, offset: 0 },
    [MEMORY_IMPORT.module]: { [MEMORY_IMPORT.name]: own! },
  });
  return instance.exports as Exports;
}

/** Grows a memory as far as possible and returns its pages. */
function grown(memory: WebAssembly.Memory, is64 = false): number {
  const grow = (pages: number) => {
    try {
      memory.grow((is64 ? BigInt(pages) : pages) as number);
    } catch (error) {
      assert.ok(error instanceof RangeError, String(error));
    }
  };
  for (let pages = 2 * LIMIT; pages >= 1; pages /= 2) grow(pages);
  return memory.buffer.byteLength / PAGE;
}

const MODULES: [what: string, wat: string, pages: Record<string, number>][] = [
  ["one memory", `(memory (export "a") 1)`, { a: LIMIT }],
  ["one memory that has the limit from the beginning", `(memory (export "a") ${LIMIT})`, {
    a: LIMIT,
  }],
  ["one memory that has more from the beginning", `(memory (export "a") ${LIMIT + 5})`, {
    a: LIMIT + 5,
  }],
  ["one memory with a low maximum", `(memory (export "a") 1 3)`, { a: 3 }],
  [
    "data at a computed offset",
    `(import "env" "offset" (global $at i32)) (memory (export "a") 1) (data (global.get $at) "x")`,
    { a: LIMIT },
  ],
  [
    "data at a computed offset, and a maximum",
    `(import "env" "offset" (global $at i32)) (memory (export "a") 1 9) (data (global.get $at) "x")`,
    { a: 9 },
  ],
  [
    "two memories",
    `(memory (export "a") 1) (memory (export "b") 3 60000)`,
    { a: LIMIT / 2 - 1, b: LIMIT / 2 + 1 },
  ],
  ["a memory of 64 bits", `(memory (export "a") i64 1)`, { a: LIMIT }],
  ["a memory of 64 bits with a maximum", `(memory (export "a") i64 1 7)`, { a: 7 }],
  ["a shared memory", `(memory (export "a") 1 65536 shared)`, { a: LIMIT }],
];
for (const [what, fields, pages] of MODULES) {
  Deno.test(`limitMemories limits a module with ${what}`, async () => {
    const memories = await memoriesOf(`(module ${fields})`);
    const is64 = fields.includes("i64");
    const names = Object.keys(pages);
    assert.deepEqual(
      Object.fromEntries(names.map((name) => [name, grown(memories[name]!, is64)])),
      pages,
    );
  });
}

Deno.test("limitMemories leaves data of an imported memory alone", async () => {
  const imported = new WebAssembly.Memory({ initial: 1 });
  const wat = `(module
    (import "env" "memory" (memory 1))
    (memory (export "a") 1)
    (data (i32.const 0) "x"))`;
  const { a } = await memoriesOf(wat, imported);
  assert.equal(new Uint8Array(imported.buffer)[0], 120);
  assert.equal(new Uint8Array(a!.buffer)[0], 0);
  assert.equal(grown(a!), LIMIT);
});

Deno.test("limitMemories throws only MalformedWasm, whatever the bytes are", async () => {
  const module = await binaryOf(`(module
    (import "env" "f" (func))
    (memory 1 2) (data (i32.const 5) "abc") (data "passive"))`);
  const changed = fc.record({
    at: fc.nat({ max: module.length - 1 }),
    byte: fc.integer({ min: 0, max: 255 }),
    end: fc.nat({ max: module.length }),
  }).map(({ at, byte, end }) => module.with(at, byte).slice(0, end));
  const random = fc.uint8Array({ maxLength: 60 })
    .map((bytes) => Uint8Array.of(...MODULE_HEADER, ...bytes));
  fc.assert(
    fc.property(fc.oneof(changed, random), (bytes) => {
      try {
        limitMemories(bytes);
      } catch (error) {
        assert.ok(error instanceof MalformedWasm, String(error));
      }
    }),
    { numRuns: 3000 },
  );
});
