import assert from "node:assert/strict";
import { MAX_RANDOM_BYTES, randomBytes, randomImports } from "../../../src/run/wasi/random.ts";

for (const length of [0, 1, 65_536, 65_537, 3_000_000, MAX_RANDOM_BYTES]) {
  Deno.test(`randomBytes fills all of ${length} bytes`, () => {
    const [one, other] = [randomBytes(BigInt(length)), randomBytes(BigInt(length))];
    assert.equal(one.length, length);
    for (let at = 0; at + 32 <= length; at += 65_536) {
      assert.notDeepEqual(one.slice(at, at + 32), other.slice(at, at + 32));
    }
    if (length > 32) assert.notDeepEqual(one.slice(-32), other.slice(-32));
  });
}

Deno.test("randomBytes traps above MAX_RANDOM_BYTES", () => {
  for (const length of [BigInt(MAX_RANDOM_BYTES) + 1n, 2n ** 64n - 1n]) {
    assert.throws(() => randomBytes(length), WebAssembly.RuntimeError);
  }
});

Deno.test("get-random-u64 and insecure-seed return different numbers each time", () => {
  const imports = randomImports() as Record<string, Record<string, () => unknown>>;
  const random = imports["wasi:random/random"]!["getRandomU64"]!;
  const seed = imports["wasi:random/insecure-seed"]!["insecureSeed"]!;
  assert.notEqual(random(), random());
  assert.notDeepEqual(seed(), seed());
});
