import assert from "node:assert/strict";
import { callCommand, callHandler } from "../../../../src/run/engine/calls.ts";
import {
  asyncGuestBytes,
  compileComponent,
  componentOf,
  loadComponent,
} from "../../../support/wasm/components.ts";
import { GuestHost } from "../../../support/wasm/guest_host.ts";

// The generated script rejects a second promise when a guest traps, as in a guest's thread.
addEventListener("unhandledrejection", (event) => event.preventDefault());

/** A command that makes a call with what is in its memory, which is zero. */
const GUEST = `(module
  (import "wasi:http/types@0.2.3" "[constructor]fields" (func $fields (result i32)))
  (import "wasi:http/types@0.2.3" "[static]fields.from-list" (func $list (param i32 i32 i32)))
  (import "wasi:http/types@0.2.3" "[method]fields.has"
    (func $has (param i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.3" "[method]fields.set"
    (func $set (param i32 i32 i32 i32 i32 i32)))
  (memory (export "memory") 300)
  (func $_start (export "wasi:cli/run@0.2.3#run") (result i32) (local $i i32)
    CALL
    (i32.const 0))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))`;

const LARGE_TEXT = "(drop (call $has (call $fields) (i32.const 1024) (i32.const 10000000)))";

function repeated(count: number, call: string): string {
  return `(loop $more ${call}
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $more (i32.lt_u (local.get $i) (i32.const ${count}))))`;
}

const CASES: [what: string, call: string, error: RegExp | undefined][] = [
  [
    "a list of a million elements",
    "(call $list (i32.const 1000000) (i32.const 1050000) (i32.const 512))",
    /^a call passes more than 268435456 bytes to the host$/,
  ],
  [
    "the same 10 MB 30 times",
    repeated(
      30,
      "(i32.store (i32.add (i32.const 4) (i32.mul (local.get $i) (i32.const 8))) (i32.const 10000000))",
    ) +
    "(call $set (call $fields) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 30) (i32.const 512))",
    /^a call passes more than/,
  ],
  ["10 MB in each of 30 calls", repeated(30, LARGE_TEXT), undefined],
  [
    "10,001 handles",
    repeated(10_001, "(drop (call $fields))"),
    /^the guest holds more than 10000 handles of a kind$/,
  ],
  ["9,000 handles", repeated(9000, "(drop (call $fields))"), undefined],
];

for (const [what, call, error] of CASES) {
  Deno.test(`a guest that passes ${what} ${error ? "traps" : "does not trap"}`, async () => {
    const world = "import wasi:http/types@0.2.3;\nexport wasi:cli/run@0.2.3;";
    const component = await loadComponent(await componentOf(GUEST.replace("CALL", call), world));
    const running = callCommand(component, new GuestHost().host);
    if (error) await assert.rejects(running, { message: error });
    else assert.equal(await running, 0);
  });
}

Deno.test("a guest of WASI 0.3 traps above its number of futures", async () => {
  const bytes = await asyncGuestBytes("async_handler", (wat) =>
    wat.replace(
      "(if (i32.eq (local.get $length) (i32.const 4)) (then unreachable))",
      "(loop $more (drop (call $future_new)) (br $more))",
    ));
  const component = await loadComponent(bytes, "0.3");
  const head = {
    method: "GET",
    path: "/",
    scheme: "http",
    authority: "test",
    headers: [],
  } as const;
  const answering = callHandler(
    component.start(new GuestHost().host),
    { head, body: () => Promise.resolve(null) },
    { head() {}, chunk() {}, end() {} },
  );
  await assert.rejects(answering, { message: "the guest holds more than 10000 handles of a kind" });
});

for (const [memory, maximum] of [["1", 32_768], ["1 65536", 32_768], ["1 7", 7]] as const) {
  Deno.test(`a component with memory ${memory} has at most ${maximum} pages, whatever larder allows`, async () => {
    const text = `(module (memory (export "memory") ${memory})
      (func (export "wasi:cli/run@0.2.3#run") (result i32) (i32.const 0)))`;
    const { images } = await compileComponent(
      await componentOf(text, "export wasi:cli/run@0.2.3;"),
    );
    assert.deepEqual([...images.values()].map(({ shape }) => shape.maximum), [maximum]);
  });
}
