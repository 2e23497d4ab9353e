import assert from "node:assert/strict";
import fc from "fast-check";
import { bytesFromBase64, fromBase64, toBase64 } from "../../src/base/base64.ts";

Deno.test("fromBase64 reverses toBase64 for any text", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), (text) => {
    assert.equal(fromBase64(toBase64(text)), text);
  }));
  assert.equal(fromBase64(toBase64("\ufeffx")), "\ufeffx");
});

Deno.test("toBase64 and fromBase64 give known values", () => {
  assert.equal(toBase64("bob:pässword"), "Ym9iOnDDpHNzd29yZA==");
  assert.equal(fromBase64("Ym9i\nOng="), "bob:x");
});

Deno.test("fromBase64 returns undefined for anything but base64 of UTF-8", () => {
  for (const bad of ["a", "!!!!", "Ym9i-_==", "Ym9iOng=Ym9i", btoa("\xff")]) {
    assert.equal(fromBase64(bad), undefined, bad);
  }
});

Deno.test("bytesFromBase64 decodes any bytes, with or without padding", () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => {
    const base64 = bytes.toBase64();
    assert.deepEqual(bytesFromBase64(base64), bytes);
    assert.deepEqual(bytesFromBase64(base64.replace(/=+$/, "")), bytes);
  }));
  for (const bad of ["a", "!!!!", "-_=="]) assert.equal(bytesFromBase64(bad), undefined, bad);
});
