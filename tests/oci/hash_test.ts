import assert from "node:assert/strict";
import fc from "fast-check";
import { asDigest } from "../../src/oci/digest.ts";
import { digestOf, digestWithWebCrypto, Hasher } from "../../src/oci/hash.ts";

/** NIST's test vectors for "abc" and for the empty message. */
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
  Deno.test(`digestOf and digestWithWebCrypto match the ${algorithm} test vector of "${text}"`, async () => {
    const bytes = new TextEncoder().encode(text);
    assert.equal(digestOf(bytes, algorithm), digest);
    assert.equal(await digestWithWebCrypto(bytes, algorithm), digest);
  });
}

Deno.test("Hasher gives the same digest for chunks of any size, which may be overwritten afterwards", () => {
  const algorithm = fc.constantFrom("sha256" as const, "sha512" as const);
  fc.assert(fc.property(fc.array(fc.uint8Array()), algorithm, (chunks, algorithm) => {
    const bytes = new Uint8Array(chunks.flatMap((chunk) => [...chunk]));
    const hasher = new Hasher(algorithm);
    for (const chunk of chunks) {
      hasher.update(chunk);
      chunk.fill(0xff);
    }
    assert.equal(hasher.digest(), digestOf(bytes, algorithm));
  }));
});

Deno.test("digestOf returns text that asDigest accepts", () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => {
    assert.ok(asDigest(digestOf(bytes)));
    assert.ok(asDigest(digestOf(bytes, "sha512")));
  }));
});
