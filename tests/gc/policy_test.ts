import assert from "node:assert/strict";
import { hasLimits, limitsOf } from "../../src/gc/policy.ts";

Deno.test("limitsOf merges the limits of a type over those of the cache", () => {
  const policy = { unused: 5, keepLast: 2, types: { app: { unused: undefined, maxSize: 7 } } };
  assert.deepEqual(limitsOf(policy, "app"), { unused: 5, keepLast: 2, maxSize: 7 });
  assert.deepEqual(limitsOf(policy, "image"), { unused: 5, keepLast: 2 });
  assert.deepEqual(limitsOf(policy, "package"), { unused: 5 });
});

for (
  const [policy, expected] of [
    [{}, false],
    [{ keepLast: 3 }, false],
    [{ types: { app: { keepLast: 3 } } }, false],
    [{ maxSize: 0 }, true],
    [{ unused: 0 }, true],
    [{ maxCount: 1 }, true],
    [{ minFree: { bytes: 1 } }, true],
    [{ types: { build: { maxCount: 1 } } }, true],
    [{ types: { build: { disabled: true } } }, true],
    [{ types: { build: { disabled: false } } }, false],
    [{ registry: { keepLast: 3 } }, false],
    [{ registry: { maxSize: 1 } }, true],
    [{ registry: { unused: 1 } }, true],
    [{ registry: { disabled: true } }, true],
  ] as const
) {
  Deno.test(`hasLimits is ${expected} for ${JSON.stringify(policy)}`, () => {
    assert.equal(hasLimits(policy), expected);
  });
}
