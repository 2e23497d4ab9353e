import assert from "node:assert/strict";
import { GUEST_RESOURCES } from "../../../src/base/defaults.ts";
import { Lifetime } from "../../../src/run/wasi/resources.ts";

class Resource implements Disposable {
  disposals = 0;

  [Symbol.dispose](): void {
    this.disposals++;
  }
}

Deno.test("what a guest leaves behind is let go of once, at its end", () => {
  const lifetime = new Lifetime();
  const [left, returned] = [new Resource(), new Resource()];
  lifetime.hold(left);
  lifetime.hold(returned);
  lifetime.release(returned);
  lifetime[Symbol.dispose]();
  lifetime[Symbol.dispose]();
  assert.deepEqual([left.disposals, returned.disposals], [1, 0]);
});

Deno.test("a guest that has ended gets nothing more", () => {
  const lifetime = new Lifetime();
  lifetime[Symbol.dispose]();
  const late = new Resource();
  assert.throws(() => lifetime.hold(late), /the instance has ended/);
  assert.equal(late.disposals, 1);
});

Deno.test("a guest that keeps all that it gets is stopped", () => {
  using lifetime = new Lifetime();
  for (let i = 0; i < GUEST_RESOURCES; i++) lifetime.hold(new Resource());
  assert.equal(lifetime.isFull, true);
  const last = new Resource();
  assert.throws(() => lifetime.hold(last), /too much/);
  assert.equal(last.disposals, 1);
});

Deno.test("the code of an exit is kept", () => {
  using lifetime = new Lifetime();
  assert.equal(lifetime.exitCode, undefined);
  assert.throws(() => lifetime.exit(3), WebAssembly.RuntimeError);
  assert.equal(lifetime.exitCode, 3);
});
