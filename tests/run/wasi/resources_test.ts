import assert from "node:assert/strict";
import { InstanceResources, MAX_RESOURCES } from "../../../src/run/wasi/resources.ts";

class Resource implements Disposable {
  disposals = 0;

  [Symbol.dispose](): void {
    this.disposals++;
  }
}

Deno.test("InstanceResources disposes of held resources once, at the end", () => {
  const resources = new InstanceResources();
  const [left, returned] = [new Resource(), new Resource()];
  resources.hold(left);
  resources.hold(returned);
  resources.release(returned);
  resources[Symbol.dispose]();
  resources[Symbol.dispose]();
  assert.deepEqual([left.disposals, returned.disposals], [1, 0]);
});

Deno.test("InstanceResources.hold traps after the end", () => {
  const resources = new InstanceResources();
  resources[Symbol.dispose]();
  const late = new Resource();
  assert.throws(() => resources.hold(late), /the instance has ended/);
  assert.equal(late.disposals, 1);
});

Deno.test("InstanceResources.hold traps above MAX_RESOURCES", () => {
  using resources = new InstanceResources();
  for (let i = 0; i < MAX_RESOURCES; i++) resources.hold(new Resource());
  assert.equal(resources.isFull, true);
  const last = new Resource();
  assert.throws(() => resources.hold(last), /more than 4096 resources/);
  assert.equal(last.disposals, 1);
});

Deno.test("InstanceResources.exit records the exit code", () => {
  using resources = new InstanceResources();
  assert.equal(resources.exitCode, undefined);
  assert.throws(() => resources.exit(3), WebAssembly.RuntimeError);
  assert.equal(resources.exitCode, 3);
});
