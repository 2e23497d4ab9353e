import assert from "node:assert/strict";
import { wrapModule } from "../../../../src/run/engine/compile/wrap_module.ts";
import { readWrapper } from "../../../../src/run/engine/compile/wrapper_files.ts";
import { inspectWasm } from "../../../../src/run/wasm/binary/inspect.ts";
import { requirementsOf } from "../../../../src/run/wasm/interfaces/requirements.ts";
import { callCommand } from "../../../../src/run/engine/calls.ts";
import {
  asyncGuestModule,
  binaryOf,
  guestCoreModule,
  loadComponent,
  printingHandler,
} from "../../../support/wasm/components.ts";
import { GuestHost } from "../../../support/wasm/guest_host.ts";

const wrapper = readWrapper();

Deno.test("wrapModule makes a component of a module that exports an interface", async () => {
  const component = inspectWasm(await wrapModule(await printingHandler(), wrapper), "it");
  assert.equal(component.kind, "component");
  const { kind, unsupported } = requirementsOf(component, "it");
  assert.deepEqual([kind, unsupported], ["http", []]);
});

Deno.test("wrapModule makes a component of a module with asynchronous functions", async () => {
  const component = inspectWasm(
    await wrapModule(await asyncGuestModule("async_handler"), wrapper),
    "it",
  );
  const { kind, wasi, unsupported } = requirementsOf(component, "it");
  assert.deepEqual([kind, wasi, unsupported], ["http", "0.3", []]);
});

Deno.test("wrapModule accepts a module that imports a function twice, as those of Go do", async () => {
  const module = await guestCoreModule("http_cases", (wat) => {
    const line = '  (import "wasi:http/types@0.2.3" "[constructor]fields" (func (result i32)))\n';
    return wat.replace("(module\n", `(module\n${line}`);
  });
  assert.equal(inspectWasm(await wrapModule(module, wrapper), "it").kind, "component");
});

Deno.test("wrapModule makes a command of a module with _start that imports an interface", async () => {
  const module = await guestCoreModule("command_cases", () =>
    `;;! import wasi:random/random@0.2.3;
    (module
      (import "wasi:random/random@0.2.3" "get-random-u64" (func $random (result i64)))
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (import "wasi_snapshot_preview1" "adapter_monotonic_clock_set_paused"
        (func $pause (param i32)))
      (memory (export "memory") 1)
      (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
      (func (export "_start") (drop (call $random)) (call $pause (i32.const 1)) (call $exit (i32.const 42))))`);
  const component = await loadComponent(await wrapModule(module, wrapper));
  assert.equal(await callCommand(component, new GuestHost().host), 42);
});

Deno.test("wrapModule says in one line why a module cannot become a component", async () => {
  const module = await binaryOf(`(module
    (import "wasi:http/types@0.2.0" "[constructor]fields" (func (result i32)))
    (memory (export "memory") 1)
    (func (export "_start")))`);
  await assert.rejects(wrapModule(module, wrapper), (error: Error) => {
    assert.match(error.message, /^it cannot become a component: [^\n]*wasi:http[^\n]*$/);
    return true;
  });
});
