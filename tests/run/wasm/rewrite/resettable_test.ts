import fc from "fast-check";
import assert from "node:assert/strict";
import { limitMemories } from "../../../../src/run/wasm/rewrite/limit_memory.ts";
import { MEMORY_IMPORT } from "../../../../src/run/wasm/rewrite/memory_image.ts";
import { MemoryPool } from "../../../../src/run/engine/memory_pool.ts";
import { makeResettable, STATE_EXPORT } from "../../../../src/run/wasm/rewrite/resettable.ts";
import { binaryOf, rustTiny } from "../../../support/wasm/components.ts";

async function resettable(fields: string) {
  const { code, image } = limitMemories(await binaryOf(`(module ${fields})`));
  return { code: makeResettable(code, image?.shape.initial), image };
}

/** Instructions of each kind that the reader has to skip, in a function that is not called. */
const ALL_KINDS = `
  (type $f (func)) (type $v (func (param i32) (result i32)))
  (import "a" "g" (global i32)) (import "a" "f" (func $imported))
  (table $t 4 funcref) (memory 1) (global $x (mut f64) (f64.const 1.5)) (global v128 (v128.const i64x2 0 0))
  (elem (i32.const 0) $all) (elem declare func $imported) (data "passive")
  (func $all (param i32) (result i32) (local i64 f32 v128 funcref)
    (block (result i32) (loop (nop)) (br_table 0 0 0 (i32.const 1) (local.get 0)))
    (if (result i32) (then (i32.const -2147483648)) (else (i32.const 63))) drop
    (i64.const -9223372036854775808) drop (f32.const 0.1) drop (f64.const 0.1) drop
    (select (result i64) (i64.const 1) (i64.const 2) (i32.const 0)) drop
    (ref.is_null (ref.null func)) drop (ref.is_null (ref.func $imported)) drop
    (call_indirect (type $f) (i32.const 0)) (call $imported)
    (ref.is_null (table.get $t (i32.const 0))) drop (table.size $t) drop
    (i32.trunc_sat_f64_s (global.get $x)) drop (i32.extend8_s (local.get 0)) drop
    (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 1))
    (memory.copy (i32.const 0) (i32.const 1) (i32.const 1)) (memory.fill (i32.const 0) (i32.const 1) (i32.const 1))
    (i64.store offset=100000 align=1 (i32.const 0) (i64.load8_u (i32.const 0)))
    (v128.store (i32.const 0) (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15
      (v128.const i32x4 1 2 3 4) (i32x4.splat (i32.const 11))))
    (v128.load8_lane 3 (i32.const 0) (v128.load32_zero (i32.const 0))) drop
    (i8x16.extract_lane_u 11 (v128.load (i32.const 0))) drop
    (i32x4.add (local.get 3) (i8x16.replace_lane 2 (local.get 3) (i32.const 1))) drop
    (return (memory.grow (memory.size))))`;

Deno.test("makeResettable reads instructions of each kind", async () => {
  const { code } = await resettable(ALL_KINDS);
  const names = WebAssembly.Module.exports(new WebAssembly.Module(code!)).map(({ name }) => name);
  // The mutable global after the imported one, and the count of pages after all.
  assert.deepEqual(names, [`${STATE_EXPORT}1`, `${STATE_EXPORT}3`]);
});

Deno.test("makeResettable leaves a module without state as it is", async () => {
  const { code } = await resettable(`(func (export "f") (result i32) (i32.const 1))`);
  assert.deepEqual(code, await binaryOf(`(module (func (export "f") (result i32) (i32.const 1)))`));
});

const CHANGING: [what: string, fields: string][] = [
  [
    "sets an entry of a table",
    `(table 1 funcref) (func (table.set 0 (i32.const 0) (ref.null func)))`,
  ],
  ["grows a table", `(table 1 funcref) (func (drop (table.grow 0 (ref.null func) (i32.const 1))))`],
  [
    "fills a table",
    `(table 1 funcref) (func (table.fill 0 (i32.const 0) (ref.null func) (i32.const 1)))`,
  ],
  [
    "copies a table",
    `(table 1 funcref) (func (table.copy (i32.const 0) (i32.const 0) (i32.const 1)))`,
  ],
  [
    "initializes a table",
    `(table 1 funcref) (elem func 0) (func (table.init 0 (i32.const 0) (i32.const 0) (i32.const 1)))`,
  ],
  ["drops data", `(memory 1) (data "x") (func (data.drop 0))`],
  ["drops elements", `(elem func 0) (func (elem.drop 0))`],
  ["has a start function", `(func $s) (start $s)`],
  ["has a global that JavaScript cannot read", `(global (mut v128) (v128.const i64x2 0 0))`],
  ["has a global of functions", `(global (mut funcref) (ref.null func))`],
  ["has memories of its own", `(memory 1) (memory 1)`],
  [
    "grows an imported memory",
    `(import "a" "m" (memory 1)) (func (drop (memory.grow (i32.const 1))))`,
  ],
  [
    "writes to an imported memory at its start",
    `(import "a" "m" (memory 1)) (data (i32.const 0) "x")`,
  ],
  [
    // The index of the type, 1661, is also the prefix of an instruction with 16 bytes, which would be skipped.
    "hides that it sets an entry of a table behind the type of a block",
    `${"(type (func))".repeat(1662)} (table 1 funcref) (elem declare func 0)
    (func (drop (block (result (ref null 1661)) (table.set 0 (i32.const 0) (ref.func 0))
      ${"nop ".repeat(10)} (ref.null 1661))))`,
  ],
  [
    "selects typed references",
    `(type $f (func)) (func (drop (select (result (ref null $f)) unreachable)))`,
  ],
  ["has a null of a type", `(type $f (func)) (func (drop (ref.null $f)))`],
  [
    "has the index of its memory in two bytes",
    String
      .raw`binary "\00asm\01\00\00\00\01\04\01\60\00\00\03\02\01\00\05\03\01\00\01\0a\08\01\06\00\3f\80\00\1a\0b"`,
  ],
  ["has atomic instructions", `(memory 1 2 shared) (func (drop (i32.atomic.load (i32.const 0))))`],
  ["exports a name of larder's", `(func (export "larder:1"))`],
];
for (const [what, fields] of CHANGING) {
  Deno.test(`makeResettable returns undefined for a module that ${what}`, async () => {
    assert.equal((await resettable(fields)).code, undefined);
  });
}

/** Grows and writes as it is told, and returns what it finds. */
const GROWING = `(memory (export "memory") 2 40) (data (i32.const 8) "image")
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "size") (result i32) (memory.size))`;

interface Growing {
  grow(pages: number): number;
  size(): number;
}

Deno.test("makeResettable lets a used memory grow as a new one does", async () => {
  const { code, image } = await resettable(GROWING);
  const pool = new MemoryPool(image!);
  const memory = pool.acquire();
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code!), {
    [MEMORY_IMPORT.module]: { [MEMORY_IMPORT.name]: memory },
  });
  const used = exports as unknown as Growing;
  const [count] = Object.entries(exports).filter(([name]) => name.startsWith(STATE_EXPORT))
    .map(([, global]) => global as WebAssembly.Global);
  const plain = new WebAssembly.Module(await binaryOf(`(module ${GROWING})`));
  const steps = fc.array(fc.oneof(fc.nat(20), fc.constantFrom(-1, 65_536, 2 ** 31)), {
    maxLength: 5,
  });
  fc.assert(
    fc.property(steps, (steps) => {
      pool.reset(memory);
      count!.value = 2;
      const fresh = new WebAssembly.Instance(plain).exports as unknown as Growing;
      const results = ({ grow, size }: Growing) => [size(), ...steps.map(grow), size()];
      assert.deepEqual(results(used), results(fresh));
      const bytes = new Uint8Array(memory.buffer);
      assert.equal(new TextDecoder().decode(bytes.subarray(8, 13)), "image");
      assert.equal(bytes.findIndex((byte, at) => byte !== 0 && (at < 8 || at > 12)), -1);
      bytes.subarray(13).fill(7, 0, 1000);
      bytes.fill(7, bytes.length - 1000);
    }),
    { numRuns: 20 },
  );
});

Deno.test("makeResettable throws only MalformedWasm, and never loops, whatever the bytes are", () => {
  const bytes = rustTinyCore();
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, value) => {
      const changed = bytes.slice();
      changed[at] = value;
      try {
        makeResettable(changed, 1);
      } catch (error) {
        assert.equal((error as Error).constructor.name, "MalformedWasm");
      }
    }),
    { numRuns: 200 },
  );
});

/** Returns the adapter inside of a component, which is small. */
function rustTinyCore(): Uint8Array<ArrayBuffer> {
  const bytes = rustTiny();
  const magic = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
  const starts = [...bytes.keys()].filter((at) => magic.every((byte, i) => bytes[at + i] === byte));
  return bytes.slice(starts[1], starts[2]);
}
