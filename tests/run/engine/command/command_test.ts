import assert from "node:assert/strict";
import { runCommand, TrappedCommand } from "../../../../src/run/engine/command/command.ts";
import { extractMemory } from "../../../../src/run/wasm/rewrite/memory_image.ts";
import { failureOf } from "../../../support/failure_of.ts";
import {
  binaryOf,
  compileComponent,
  componentOf,
  moduleOf,
} from "../../../support/wasm/components.ts";
import { NOTHING } from "../../../support/wasm/guest_host.ts";

Deno.test("runCommand fails if the signal was raised before", async () => {
  const module = await moduleOf('(module (memory (export "memory") 1) (func (export "_start")))');
  const program = { module, settings: NOTHING };
  const options = { onDenial: assert.fail };
  assert.equal(await runCommand("it", program, options), 0);
  const signal = AbortSignal.abort();
  const error = await failureOf(runCommand("it", program, { ...options, signal }));
  assert.equal(error.code, "LDR_INTERRUPTED");
});

Deno.test("runCommand ends a command that runs longer than its timeout", async () => {
  const module = await moduleOf('(module (func (export "_start") (loop $again (br $again))))');
  const program = { module, settings: { ...NOTHING, limits: { timeout: 100 } } };
  const error = await failureOf(runCommand("it", program, { onDenial: assert.fail }));
  assert.equal(error.code, "LDR_GUEST");
  assert.equal(error.message, "ended it, which ran for 0.1 s");
});

Deno.test("runCommand reports the calls under way when a command traps", async () => {
  const module = await moduleOf(`(module (memory (export "memory") 1)
    (func $_start (export "_start") (call $middle)) (func $middle (call 2)) (func unreachable))`);
  const error = await failureOf(runCommand("it", { module, settings: NOTHING }, { onDenial() {} }));
  assert(error instanceof TrappedCommand);
  assert.equal(error.message, "it trapped: unreachable");
  assert.deepEqual(error.frames.map(({ name, index }) => [name, index]), [
    [undefined, 2],
    ["middle", 1],
    ["_start", 0],
  ]);
  assert.ok(error.frames.every(({ offset }) => /^0x[0-9a-f]+$/.test(offset)));
});

Deno.test("runCommand limits the memory of modules and of components", async () => {
  const grow = "(memory.grow (i32.const 1))";
  const world = "export wasi:cli/run@0.2.3;";
  const run = `(module (memory (export "memory") 1)
    (func (export "wasi:cli/run@0.2.3#run") (result i32) (i32.ne ${grow} (i32.const -1))))`;
  const start = `(module (memory (export "memory") 1)
    (func (export "_start") (if (i32.ne ${grow} (i32.const -1)) (then unreachable))))`;
  const { code, image } = extractMemory(await binaryOf(start))!;
  for (
    const program of [
      await compileComponent(await componentOf(run, world)),
      { module: new WebAssembly.Module(code), image },
    ]
  ) {
    const settings = { ...NOTHING, limits: { maxMemory: 65_536 } };
    assert.equal(await runCommand("it", { ...program, settings }, { onDenial() {} }), 0);
  }
});
