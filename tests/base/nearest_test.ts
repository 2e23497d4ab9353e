import assert from "node:assert/strict";
import fc from "fast-check";
import { nearest } from "../../src/base/nearest.ts";

/** A name, the candidates, and which of them is meant. */
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
  Deno.test(`of [${candidates}] "${name}" is nearest to ${expected}`, () => {
    assert.equal(nearest(name, candidates), expected);
  });
}

Deno.test("a name is nearest to itself, and to what one slip makes of it", () => {
  const word = fc.stringMatching(/^[a-z]{5,12}$/);
  fc.assert(fc.property(word, fc.nat(), fc.constantFrom("x", ""), (name, at, letter) => {
    const place = at % name.length;
    const slipped = name.slice(0, place) + letter + name.slice(place + 1);
    const swapped = name.slice(0, place) +
      name.slice(place, place + 2).split("").reverse().join("") +
      name.slice(place + 2);
    for (const text of [name, slipped, swapped]) {
      assert.equal(nearest(text, ["-".repeat(30), name]), name);
    }
  }));
});
