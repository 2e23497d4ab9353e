import assert from "node:assert/strict";
import fc from "fast-check";
import { hasCode } from "../../src/base/errors.ts";
import { algorithmOf, asDigest, parseDigest, shortDigest } from "../../src/oci/digest.ts";
import { digestOf } from "../../src/oci/hash.ts";

const A64 = "a".repeat(64);
const A128 = "a".repeat(128);

for (const text of [`sha256:${A64}`, `sha256:${"0123456789abcdef".repeat(4)}`, `sha512:${A128}`]) {
  Deno.test(`a digest: ${text.slice(0, 24)}`, () => {
    assert.equal(asDigest(text), text);
    assert.equal(parseDigest(text), text);
  });
}

const BAD: [string, string, RegExp][] = [
  ["nothing", "", /no algorithm/],
  ["no algorithm", A64, /no algorithm/],
  ["an empty algorithm", `:${A64}`, /algorithm "" is not/],
  ["an algorithm that is not taken", `sha1:${"a".repeat(40)}`, /"sha1" is not sha256 or sha512/],
  ["an algorithm in capitals", `SHA256:${A64}`, /"SHA256" is not/],
  ["a digit too few", `sha256:${A64.slice(1)}`, /64 lower-case/],
  ["a digit too many", `sha256:${A64}a`, /64 lower-case/],
  ["the length of the other", `sha512:${A64}`, /128 lower-case/],
  ["the other way round", `sha256:${A128}`, /64 lower-case/],
  ["capitals", `sha256:${"A".repeat(64)}`, /lower-case/],
  ["no digits at all", "sha256:", /64 lower-case/],
  ["a path", `sha256:../../${"a".repeat(58)}`, /lower-case/],
  ["a NUL", `sha256:${"a".repeat(63)}\0`, /lower-case/],
  ["a newline behind", `sha256:${A64}\n`, /lower-case/],
  ["a newline before", `\nsha256:${A64}`, /is not sha256/],
  ["a second colon", `sha256:${A64}:x`, /lower-case/],
  ["digits of another script", `sha256:${"１".repeat(64)}`, /lower-case/],
];

for (const [name, text, reason] of BAD) {
  Deno.test(`no digest: ${name}`, () => {
    assert.equal(asDigest(text), undefined);
    assert.throws(
      () => parseDigest(text),
      (error) => hasCode(error, "LDR_BAD_REFERENCE") && reason.test(error.message),
    );
  });
}

Deno.test("a digest names its algorithm and is abbreviated to twelve digits", () => {
  const [short, long] = [
    parseDigest(`sha256:${"0123456789abcdef".repeat(4)}`),
    digestOf(
      new TextEncoder().encode("abc"),
      "sha512",
    ),
  ];
  assert.deepEqual([algorithmOf(short), algorithmOf(long)], ["sha256", "sha512"]);
  assert.deepEqual([shortDigest(short), shortDigest(long)], ["0123456789ab", "ddaf35a19361"]);
});

Deno.test("no text passes for a digest but by the grammar", () => {
  fc.assert(fc.property(fc.string(), (text) => {
    const digest = asDigest(text);
    if (digest) assert.match(digest, /^sha(256|512):[0-9a-f]+$/);
  }));
});
