import assert from "node:assert/strict";
import { guestTrap, trapReport } from "../../../src/run/engine/trap_report.ts";
import { moduleOf } from "../../support/wasm/components.ts";

const MIB = 1024 ** 2;

/** Returns the trap of a function that does nothing else. */
async function trapOf(instruction: string): Promise<unknown> {
  const module = await moduleOf(`(module (func $fail (export "fail") ${instruction}))`);
  const { fail } = new WebAssembly.Instance(module).exports;
  return thrownBy(fail as () => void);
}

function thrownBy(call: () => void): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
}

for (
  const [what, use, ending] of [
    [
      "half of it is used",
      { size: 512 * MIB, limit: 1024 * MIB, isOwnLimit: false },
      /^unreachable, probably for lack of memory: it has 512.00 MiB of 1.00 GiB; --max-memory allows more$/,
    ],
    [
      "the module has the limit",
      { size: MIB, limit: MIB, isOwnLimit: true },
      /its module allows no more$/,
    ],
    ["most of it is left", { size: MIB, limit: 3 * MIB, isOwnLimit: false }, /^unreachable$/],
    ["it is unknown", undefined, /^unreachable$/],
  ] as const
) {
  Deno.test(`guestTrap says how much memory there is if ${what}`, async () => {
    const trap = guestTrap(await trapOf("unreachable"), use);
    assert.match(trap.message, ending);
    assert.deepEqual(trap.frames.map(({ name, index }) => [name, index]), [["fail", 0]]);
    assert.deepEqual(trapReport(trap), { message: trap.message, frames: trap.frames });
    assert.equal(typeof new Error("another").stack, "string");
  });
}

Deno.test("guestTrap has no frames, and says nothing of memory, if the host failed", () => {
  const trap = guestTrap(new Error("the client disconnected"), {
    size: 1,
    limit: 1,
    isOwnLimit: true,
  });
  assert.deepEqual([trap.message, trap.frames], ["the client disconnected", []]);
  assert.deepEqual(trapReport("a text"), { message: "a text", frames: [] });
});

Deno.test("guestTrap has a frame for every name, and cuts long ones", async () => {
  const names = ["two\\nlines", "a (wasm://b:wasm-function[1]:0x1)", "x".repeat(5000)];
  const [first, ...rest] = names.map((name) => `$"${name}"`);
  const module = await moduleOf(`(module $"a b"
    (func ${first} (export "fail") (call ${rest[0]}))
    (func ${rest[0]} (call ${rest[1]}))
    (func ${rest[1]} unreachable))`);
  const { fail } = new WebAssembly.Instance(module).exports;
  const { frames } = trapReport(thrownBy(fail as () => void));
  assert.deepEqual(frames.map(({ index }) => index), [2, 1, 0]);
  assert.deepEqual(frames.map(({ name }) => name), [
    "x".repeat(1000),
    "a (wasm://b:wasm-function[1]:0x1)",
    "two\nlines",
  ]);
});
