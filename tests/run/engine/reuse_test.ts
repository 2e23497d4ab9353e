import assert from "node:assert/strict";
import { callHandler } from "../../../src/run/engine/calls.ts";
import type { Component } from "../../../src/run/engine/component.ts";
import type { Host } from "../../../src/run/wasi/host.ts";
import { guestBytes, loadComponent, rustTiny } from "../../support/wasm/components.ts";
import { GuestHost } from "../../support/wasm/guest_host.ts";
import { headOf } from "../../support/wasm/guest_pools.ts";

/**
 * Each `/hello` is answered with what the guest finds, before it changes all of it: a byte of memory, a global, the
 * pages of its memory before and after it has grown, and a byte of the new page.
 */
const FOUND = "haefa\n";
const changing = await guestBytes("http_cases", (wat) =>
  wat.replace(
    "  (func $hello (param $s i32)\n",
    `  (global $count (mut i32) (i32.const 0))
  (func $hello (param $s i32)
    (i32.store8 (i32.const 1025) (i32.add (i32.const 97) (global.get $count)))
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    (i32.store8 (i32.const 1026) (i32.add (i32.const 97) (memory.size)))
    (drop (memory.grow (i32.const 1)))
    (i32.store8 (i32.const 1027) (i32.add (i32.const 97) (memory.size)))
    (i32.store8 (i32.const 1028) (i32.add (i32.const 97) (i32.load8_u (i32.const 262144))))
    (i32.store8 (i32.const 262144) (i32.const 1))
    (call $say (local.get $s))
    (i32.store8 (i32.const 1024) (i32.const 120)))
  (func $say (param $s i32)
`,
  ));

async function ask(component: Component, host: Host, path: string): Promise<string> {
  let text = "";
  const sink = {
    head() {},
    chunk: (bytes: Uint8Array) => void (text += new TextDecoder().decode(bytes)),
    end() {},
  };
  try {
    await callHandler(component.start(host), { head: headOf(path), body: () => null }, sink);
  } catch (error) {
    return (error as Error).message;
  }
  return text;
}

/** Counts the instances of core modules that are made until it is disposed of. */
function countInstances(): Disposable & { count: number } {
  const { Instance } = WebAssembly;
  const counter = {
    count: 0,
    [Symbol.dispose]: () => void (WebAssembly.Instance = Instance),
  };
  WebAssembly.Instance = class extends Instance {
    constructor(module: WebAssembly.Module, imports?: WebAssembly.Imports) {
      super(module, imports);
      counter.count++;
    }
  };
  return counter;
}

for (
  const [name, bytes, found] of [
    ["a guest that changes all it can", changing, FOUND],
    ["a guest of Spin's Rust SDK", rustTiny(), "Hello World!"],
  ] as const
) {
  Deno.test(`Component.start uses an instance of ${name} again, as a new one`, async () => {
    const component = await loadComponent(bytes);
    const { host } = new GuestHost();
    assert.equal(await ask(component, host, "/hello"), found);
    using instances = countInstances();
    for (let i = 0; i < 5; i++) assert.equal(await ask(component, host, "/hello"), found);
    assert.equal(instances.count, 0);
  });
}

Deno.test("Component.start gives guests that run at once instances of their own", async () => {
  const component = await loadComponent(changing);
  const { host } = new GuestHost();
  for (let round = 0; round < 3; round++) {
    const all = await Promise.all(Array.from({ length: 4 }, () => ask(component, host, "/hello")));
    assert.deepEqual(all, Array(4).fill(FOUND));
  }
});

for (
  const [what, path, other] of [
    ["has trapped", "/trap", false],
    ["has another host", "/hello", true],
  ] as const
) {
  Deno.test(`Component.start makes a new instance after one that ${what}`, async () => {
    const component = await loadComponent(changing);
    const { host } = new GuestHost();
    await ask(component, other ? new GuestHost().host : host, path);
    using instances = countInstances();
    assert.equal(await ask(component, host, "/hello"), FOUND);
    assert.ok(instances.count > 0);
  });
}

Deno.test("Component.start makes a new instance after one whose memory has grown by much", async () => {
  const large = await guestBytes("http_cases", (wat) =>
    wat.replace(
      "  (func $hello (param $s i32)\n",
      "  (func $hello (param $s i32)\n(drop (memory.grow (i32.const 300)))\n",
    ));
  const component = await loadComponent(large);
  const { host } = new GuestHost();
  await ask(component, host, "/hello");
  using instances = countInstances();
  assert.equal(await ask(component, host, "/hello"), "hello\n");
  assert.ok(instances.count > 0);
});

Deno.test("Component.start makes a new instance of a guest whose table changes", async () => {
  const changed = await guestBytes("http_cases", (wat) =>
    wat.replace(
      "  (func $hello (param $s i32)\n",
      `  (table $t 1 funcref)
  (elem declare func $say)
  (func $hello (param $s i32)
    (if (i32.eqz (ref.is_null (table.get $t (i32.const 0)))) (then (unreachable)))
    (table.set $t (i32.const 0) (ref.func $say))
    (call $say (local.get $s)))
  (func $say (param $s i32)
`,
    ));
  const component = await loadComponent(changed);
  const { host } = new GuestHost();
  for (let i = 0; i < 3; i++) assert.equal(await ask(component, host, "/hello"), "hello\n");
});
