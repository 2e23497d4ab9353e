import assert from "node:assert/strict";
import fc from "fast-check";
import { nearest, nearestFew } from "../../src/base/nearest.ts";

/** Name, candidates, expected suggestion. */
const CASES: [string, string[], string | undefined][] = [
  ["max_size", ["max_size", "max_count"], "max_size"],
  ["max_sze", ["max_count", "max_size"], "max_size"],
  ["mxa_size", ["max_count", "max_size"], "max_size"],
  ["Max_Size", ["max_size"], "max_size"],
  ["maximum_size", ["max_size"], undefined],
  ["colour", ["max_size", "auto"], undefined],
  ["auto", [], undefined],
  ["", ["auto"], undefined],
  ["ab", ["xy", "ac"], undefined],
  ["typ", ["type", "typo"], "type"],
];

for (const [name, candidates, expected] of CASES) {
  Deno.test(`nearest returns ${expected} for "${name}" among [${candidates}]`, () => {
    assert.equal(nearest(name, candidates), expected);
  });
}

Deno.test("nearest finds a name from itself and from any one-letter misspelling", () => {
  const word = fc.stringMatching(/^[a-z]{5,12}$/);
  fc.assert(fc.property(word, fc.nat(), fc.constantFrom("x", ""), (name, at, letter) => {
    const index = at % name.length;
    const changed = name.slice(0, index) + letter + name.slice(index + 1);
    const swapped = name.slice(0, index) +
      name.slice(index, index + 2).split("").reverse().join("") +
      name.slice(index + 2);
    for (const text of [name, changed, swapped]) {
      assert.equal(nearest(text, ["-".repeat(30), name]), name);
    }
  }));
});

/** A name, and the nearest of some candidates, in order. */
const FEW: [string, string[]][] = [
  ["pul", ["pull", "pin", "run"]],
  ["pinn", ["pin", "pins", "pull"]],
  ["PULL", ["pull", "pin", "pins"]],
  ["lst", ["list"]],
  ["xy", []],
  ["frobnicate", []],
];

for (const [name, expected] of FEW) {
  Deno.test(`nearestFew ranks [${expected}] nearest to "${name}"`, () => {
    assert.deepEqual(nearestFew(name, ["gc", "list", "pin", "pins", "pull", "run"], 3), expected);
  });
}
