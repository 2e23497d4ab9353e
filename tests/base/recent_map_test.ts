import assert from "node:assert/strict";
import fc from "fast-check";
import { RecentMap } from "../../src/base/recent_map.ts";

Deno.test("RecentMap forgets what was not read or written for the longest time", () => {
  const map = new RecentMap<string, number>(2);
  map.set("a", 1).set("b", 2);
  assert.equal(map.get("a"), 1);
  map.set("c", 3);
  assert.deepEqual([...map], [["a", 1], ["c", 3]]);
  map.set("a", 4).set("d", 5);
  assert.deepEqual([...map], [["a", 4], ["d", 5]]);
  assert.equal(map.get("c"), undefined);
});

Deno.test("RecentMap answers as a Map does for keys that it has, and never has more than its limit", () => {
  const keys = fc.array(fc.tuple(fc.nat(9), fc.boolean()));
  fc.assert(fc.property(keys, fc.integer({ min: 1, max: 5 }), (steps, limit) => {
    const map = new RecentMap<number, number>(limit);
    const model = new Map<number, number>();
    for (const [i, [key, isWrite]] of steps.entries()) {
      if (isWrite) {
        map.set(key, i);
        model.set(key, i);
        assert.equal(map.get(key), i);
      } else if (map.has(key)) assert.equal(map.get(key), model.get(key));
      assert.ok(map.size <= limit);
    }
  }));
});
