import assert from "node:assert/strict";
import { Turns } from "../../../src/serve/local/turns.ts";

Deno.test("Turns runs the work of one key in order, also after a failure, and other keys at once", async () => {
  const turns = new Turns();
  const order: string[] = [];
  const first = Promise.withResolvers<void>();
  const runs = [
    turns.run("a", async () => {
      order.push("a1");
      await first.promise;
      order.push("a1 ends");
      throw new Error("failed");
    }),
    turns.run("a", async () => {
      order.push("a2");
      await Promise.resolve();
    }),
    turns.run("b", async () => {
      order.push("b");
      await Promise.resolve();
    }),
  ];
  await runs[2];
  assert.deepEqual(order, ["a1", "b"]);
  first.resolve();
  const results = await Promise.allSettled(runs);
  assert.deepEqual(results.map(({ status }) => status), ["rejected", "fulfilled", "fulfilled"]);
  assert.deepEqual(order, ["a1", "b", "a1 ends", "a2"]);
});
