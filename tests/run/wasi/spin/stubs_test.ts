import assert from "node:assert/strict";
import { STUBS } from "../../../../src/run/wasi/spin/stubs.ts";
import { isSpinInterface, stubsOf } from "../../../../src/run/wasm/interfaces/spin_interfaces.ts";
import { wasiError } from "../../../support/wasm/streams.ts";

type Stub = Record<string, (() => void) & Record<string, () => void>>;

for (
  const [name, member, tag] of [
    ["fermyon:spin/llm@2.0.0", "infer", "runtime-error"],
    ["fermyon:spin/redis@2.0.0", "Connection.open", "other"],
    ["fermyon:spin/mysql@2.0.0", "Connection.open", "connection-failed"],
    ["fermyon:spin/postgres@2.0.0", "Connection.open", "connection-failed"],
    ["fermyon:spin/mqtt@2.0.0", "Connection.open", "connection-failed"],
    ["spin:postgres/postgres@3.0.0", "Connection.open", "connection-failed"],
    ["spin:postgres/postgres@4.2.0", "Connection.open", "connection-failed"],
  ] as const
) {
  Deno.test(`${name} is a stub whose ${member} fails with ${tag}`, () => {
    assert.deepEqual([isSpinInterface(name), stubsOf([name, "wasi:io/poll@0.2.0"])], [true, [
      name,
    ]]);
    const stub = STUBS[name.split("@")[0]!] as Stub;
    const [first, second] = member.split(".");
    assert.ok(first! in stub);
    const call = second === undefined ? stub[first!]! : stub[first!]![second]!;
    assert.throws(() => call(), wasiError((payload) => (payload as { tag: string }).tag === tag));
  });
}

Deno.test("fermyon:spin/rdbms-types has no functions, so it is not named as a stub", () => {
  assert.deepEqual(STUBS["fermyon:spin/rdbms-types"], {});
  assert.deepEqual(stubsOf(["fermyon:spin/rdbms-types@2.0.0"]), []);
});
