import assert from "node:assert/strict";
import fc from "fast-check";
import { hasCode } from "../../src/base/errors.ts";
import {
  algorithmOf,
  asDigest,
  digestOf,
  Hasher,
  parseDigest,
  shortDigest,
} from "../../src/oci/digest.ts";

const A64 = "a".repeat(64);
const A128 = "a".repeat(128);

/** Known answers: NIST's test vectors for "abc" and for nothing. */
const HASHES: [string, "sha256" | "sha512", string][] = [
  ["", "sha256", "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
  ["abc", "sha256", "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  [
    "abc",
    "sha512",
    "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" +
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
  ],
];

for (const [text, algorithm, digest] of HASHES) {
  Deno.test(`the ${algorithm} of "${text}" is known`, () => {
    assert.equal(digestOf(new TextEncoder().encode(text), algorithm), digest);
  });
}

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

Deno.test("a digest is the same however the bytes are cut, and they may be overwritten", () => {
  const algorithm = fc.constantFrom("sha256" as const, "sha512" as const);
  fc.assert(fc.property(fc.array(fc.uint8Array()), algorithm, (chunks, algorithm) => {
    const whole = new Uint8Array(chunks.flatMap((chunk) => [...chunk]));
    const hasher = new Hasher(algorithm);
    for (const chunk of chunks) {
      hasher.update(chunk);
      chunk.fill(0xff);
    }
    assert.equal(hasher.digest(), digestOf(whole, algorithm));
  }));
});

Deno.test("what hashing makes is always a digest", () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => {
    assert.ok(asDigest(digestOf(bytes)));
    assert.ok(asDigest(digestOf(bytes, "sha512")));
  }));
});

Deno.test("no text passes for a digest but by the grammar", () => {
  fc.assert(fc.property(fc.string(), (text) => {
    const digest = asDigest(text);
    if (digest) assert.match(digest, /^sha(256|512):[0-9a-f]+$/);
  }));
});
