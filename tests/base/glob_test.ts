import assert from "node:assert/strict";
import fc from "fast-check";
import { isGlob, matchesGlob } from "../../src/base/glob.ts";

for (
  const [pattern, text, expected] of [
    ["", "", true],
    ["", "a", false],
    ["*", "", true],
    ["*", "a/b:c", true],
    ["a*", "a", true],
    ["a*c", "abbc", true],
    ["a*c", "abb", false],
    ["*b*", "abc", true],
    ["a?c", "abc", true],
    ["a?c", "ac", false],
    ["a?", "a", false],
    ["ghcr.io/acme/*", "ghcr.io/acme/team/app:v1", true],
    ["ghcr.io/acme/*", "ghcr.io/acme", false],
    ["ghcr.io/*:v1", "ghcr.io/acme/app:v10", false],
    ["*app*v*1", "x/app:v1.v2.1", true],
    ["a.c", "abc", false],
    ["[a]", "a", false],
    ["a**b", "ab", true],
  ] as const
) {
  Deno.test(`matchesGlob: "${pattern}" ${expected ? "matches" : "does not match"} "${text}"`, () => {
    assert.equal(matchesGlob(pattern, text), expected);
  });
}

Deno.test("isGlob is true for a text with a wildcard", () => {
  assert.deepEqual(["a*", "?", "a.b/c:d"].map(isGlob), [true, true, false]);
});

Deno.test("matchesGlob agrees with the equivalent regular expression", () => {
  const text = fc.array(fc.constantFrom("a", "b", "/"), { maxLength: 8 }).map((c) => c.join(""));
  const pattern = fc.array(fc.constantFrom("a", "b", "/", "*", "?"), { maxLength: 6 })
    .map((c) => c.join(""));
  fc.assert(fc.property(pattern, text, (glob, name) => {
    const expression = new RegExp(`^${glob.replaceAll("*", ".*").replaceAll("?", ".")}$`);
    assert.equal(matchesGlob(glob, name), expression.test(name));
  }));
});

Deno.test("matchesGlob with many wildcards does not take exponential time", () => {
  assert.equal(matchesGlob("*a".repeat(2000), "a".repeat(1999) + "b".repeat(2000)), false);
});
