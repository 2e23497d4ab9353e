import assert from "node:assert/strict";
import fc from "fast-check";
import { hasCode } from "../../src/base/errors.ts";
import {
  algorithmOf,
  asDigest,
  parseDigest,
  shortDigest,
  shortenDigests,
} from "../../src/oci/digest.ts";
import { digestOf } from "../../src/oci/hash.ts";

const A64 = "a".repeat(64);
const A128 = "a".repeat(128);

for (const text of [`sha256:${A64}`, `sha256:${"0123456789abcdef".repeat(4)}`, `sha512:${A128}`]) {
  Deno.test(`parseDigest accepts ${text.slice(0, 24)}…`, () => {
    assert.equal(asDigest(text), text);
    assert.equal(parseDigest(text), text);
  });
}

const BAD: [string, string, RegExp][] = [
  ["an empty text", "", /no algorithm/],
  ["a missing algorithm", A64, /no algorithm/],
  ["an empty algorithm", `:${A64}`, /algorithm "" is not/],
  ["an unsupported algorithm", `sha1:${"a".repeat(40)}`, /"sha1" is not sha256 or sha512/],
  ["an algorithm in capitals", `SHA256:${A64}`, /"SHA256" is not/],
  ["one digit too few", `sha256:${A64.slice(1)}`, /64 lower-case/],
  ["one digit too many", `sha256:${A64}a`, /64 lower-case/],
  ["sha512 of the length of sha256", `sha512:${A64}`, /128 lower-case/],
  ["sha256 of the length of sha512", `sha256:${A128}`, /64 lower-case/],
  ["digits in capitals", `sha256:${"A".repeat(64)}`, /lower-case/],
  ["missing digits", "sha256:", /64 lower-case/],
  ["a path", `sha256:../../${"a".repeat(58)}`, /lower-case/],
  ["a NUL", `sha256:${"a".repeat(63)}\0`, /lower-case/],
  ["a newline after it", `sha256:${A64}\n`, /lower-case/],
  ["a newline before it", `\nsha256:${A64}`, /is not sha256/],
  ["a second colon", `sha256:${A64}:x`, /lower-case/],
  ["digits of another script", `sha256:${"１".repeat(64)}`, /lower-case/],
];

for (const [name, text, reason] of BAD) {
  Deno.test(`parseDigest rejects ${name}`, () => {
    assert.equal(asDigest(text), undefined);
    assert.throws(
      () => parseDigest(text),
      (error) => hasCode(error, "LDR_BAD_REFERENCE") && reason.test(error.message),
    );
  });
}

Deno.test("algorithmOf returns the algorithm, shortDigest the first 12 digits", () => {
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

Deno.test("shortenDigests shortens each digest that is not part of a reference", () => {
  const [one, two] = [`sha256:${"0123456789ab".padEnd(64, "c")}`, `sha512:${"d".repeat(128)}`];
  const text = `${one} of app@${two}: "${two}" ended, (${one}), ${one}0, xsha256:1`;
  assert.equal(
    shortenDigests(text),
    `0123456789ab of app@${two}: "dddddddddddd" ended, (0123456789ab), ${one}0, xsha256:1`,
  );
});

Deno.test("asDigest accepts nothing but the grammar of a digest", () => {
  fc.assert(fc.property(fc.string(), (text) => {
    const digest = asDigest(text);
    if (digest) assert.match(digest, /^sha(256|512):[0-9a-f]+$/);
  }));
});
