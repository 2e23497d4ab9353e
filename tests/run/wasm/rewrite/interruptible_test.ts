import fc from "fast-check";
import assert from "node:assert/strict";
import { limitMemories } from "../../../../src/run/wasm/rewrite/limit_memory.ts";
import {
  FREE_BYTES,
  importsStop,
  makeInterruptible,
  newStopMemory,
  STOP_IMPORT,
  stopCode,
} from "../../../../src/run/wasm/rewrite/interruptible.ts";
import { binaryOf, compileComponent, rustTiny } from "../../../support/wasm/components.ts";

/** Returns an interruptible form, with its memory imported. */
async function interruptible(fields: string): Promise<Uint8Array<ArrayBuffer>> {
  return makeInterruptible(limitMemories(await binaryOf(`(module ${fields})`)).code);
}

function instantiate(code: Uint8Array<ArrayBuffer>, stop = newStopMemory()) {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const imports = { [STOP_IMPORT.module]: { [STOP_IMPORT.name]: stop, memory } };
  return new WebAssembly.Instance(new WebAssembly.Module(code), imports).exports as Record<
    string,
    (...args: number[]) => number
  >;
}

/** Calls a function that does not end, in a thread, and reports how it ends. */
const CALLER = `data:text/javascript,${
  encodeURIComponent(`
  onmessage = ({ data: { module, stop, name } }) => {
    const memory = new WebAssembly.Memory({ initial: 1 });
    const { exports } = new WebAssembly.Instance(module, { larder: { stop, memory } });
    postMessage("started");
    try { exports[name](40); } catch (error) { postMessage(error.message); }
  };`)
}`;

async function stopped(code: Uint8Array<ArrayBuffer>, name: string): Promise<string> {
  const stop = newStopMemory();
  const worker = new Worker(CALLER, { type: "module" });
  const messages: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  worker.onmessage = ({ data }) => {
    messages.push(data);
    if (data === "started") setTimeout(() => stopCode(stop), 50);
    else resolve();
  };
  worker.postMessage({ module: new WebAssembly.Module(code), stop, name });
  await promise;
  worker.terminate();
  return messages.join();
}

const ENDLESS = `
  (func (export "loop") (param i32) (loop (br 0)))
  (func (export "typed") (param i32) (i32.const 1) (loop (param i32) (br 0 (i32.const 2))))
  (func (export "store") (param i32) (loop (i32.store (i32.const 8) (i32.load (i32.const 8))) (br 0)))
  (func $tail (export "tail") (param i32) (return_call $tail (i32.const 1)))
  (func $tree (export "tree") (param i32)
    (if (local.get 0) (then
      (call $tree (i32.sub (local.get 0) (i32.const 1))) (call $tree (i32.sub (local.get 0) (i32.const 1))))))`;

for (const memory of ["", "(memory 1)", '(import "larder" "memory" (memory 1))']) {
  const own = memory === "" ? ENDLESS.replace(/.*"store".*\n/, "") : ENDLESS;
  Deno.test(`makeInterruptible lets another thread stop what does not end, with ${memory || "no memory"}`, async (t) => {
    const code = await interruptible(`${memory} ${own}`);
    for (const [, name] of own.matchAll(/export "(\w+)"/g)) {
      await t.step(name!, async () => {
        assert.equal(await stopped(code, name!), "started,unreachable");
      });
    }
  });
}

Deno.test("makeInterruptible changes no result", async () => {
  const fields = `
    (func $power (param i32 i32) (result i32)
      (if (result i32) (local.get 1)
        (then (i32.mul (local.get 0) (call $power (local.get 0) (i32.sub (local.get 1) (i32.const 1)))))
        (else (i32.const 1))))
    (func (export "sum") (param i32 i32) (result i32) (local i32)
      (loop (local.set 2 (i32.add (local.get 2) (call $power (local.get 1) (i32.and (local.get 0) (i32.const 7)))))
        (br_if 0 (local.tee 0 (i32.shr_u (local.get 0) (i32.const 1)))))
      (local.get 2))`;
  const before = instantiate(await binaryOf(`(module ${fields})`)).sum!;
  const after = instantiate(await interruptible(fields)).sum!;
  fc.assert(fc.property(fc.integer(), fc.integer(), (a, b) => before(a, b) === after(a, b)));
});

Deno.test("makeInterruptible leaves a module without loops and calls as it is", async () => {
  const code = await binaryOf(
    '(module (func (export "f") (param i32) (result i32) (local.get 0)))',
  );
  assert.equal(makeInterruptible(code), code);
});

for (
  const [what, fields] of [
    ["that defines memories", '(memory 1) (memory 1) (func (export "f") (loop (br 0)))'],
    [
      "with instructions that are not known",
      '(table 1 funcref) (func (export "f") (loop (table.set (i32.const 0) (ref.null func)) (br 0)))',
    ],
  ]
) {
  Deno.test(`makeInterruptible leaves a module ${what} as it is`, async () => {
    const code = await binaryOf(`(module ${fields})`);
    assert.equal(makeInterruptible(code), code);
  });
}

Deno.test("makeInterruptible accepts what a Rust compiler writes", async () => {
  const { modules } = await compileComponent(rustTiny());
  assert.ok([...modules.values()].some(importsStop));
});

Deno.test("stopCode leaves the rest of the memory as it is", () => {
  const memory = newStopMemory();
  stopCode(memory);
  assert.ok(new Uint8Array(memory.buffer, FREE_BYTES).every((byte) => byte === 0));
});
