import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import * as fc from "fast-check";
import { RecordSigner } from "../../../src/registry/shared/signed_record.ts";
import { failureOf } from "../../support/failure_of.ts";

const encoder = new TextEncoder();
const KEY = encoder.encode("0123456789abcdef0123456789abcdef");

/** JSON without `-0`, which JSON does not keep. */
const value = fc.jsonValue({ noUnicodeString: false })
  .filter((each) => !JSON.stringify(each).includes("-0"))
  .map((each) => JSON.parse(JSON.stringify(each)));

Deno.test("RecordSigner opens what was signed with the same key, whatever the value", async () => {
  const signer = await RecordSigner.of(KEY);
  const other = await RecordSigner.of(encoder.encode(` \n${new TextDecoder().decode(KEY)}\r\n`));
  await fc.assert(fc.asyncProperty(fc.string(), value, async (name, value) => {
    const bytes = await signer.sign({ kind: "builds", name, value });
    assert.deepEqual(await other.open(bytes, "builds", name), value);
  }));
});

Deno.test("RecordSigner refuses a record of which any byte was changed", async () => {
  const signer = await RecordSigner.of(KEY);
  const record = { digest: "sha256:1", size: 10, list: [true, null, "text"] };
  const bytes = await signer.sign({ kind: "packages", name: "a", value: record });
  await fc.assert(fc.asyncProperty(
    fc.nat(bytes.length - 1),
    fc.integer({ min: 1, max: 255 }),
    async (at, change) => {
      const changed = bytes.slice();
      changed[at]! ^= change;
      const opened = await signer.open(changed, "packages", "a").catch((error) => error.code);
      assert.equal(opened, "LDR_UNVERIFIED");
    },
  ));
});

Deno.test("RecordSigner refuses a record of another key, kind or name", async () => {
  const signer = await RecordSigner.of(KEY);
  const bytes = await signer.sign({ kind: "builds", name: "a", value: 1 });
  const other = await RecordSigner.of(KEY.map((byte) => byte + 1));
  const attempts = [
    () => other.open(bytes, "builds", "a"),
    () => signer.open(bytes, "packages", "a"),
    () => signer.open(bytes, "builds", "b"),
    () => signer.open(encoder.encode("{}"), "builds", "a"),
    () => signer.open(new Uint8Array(), "builds", "a"),
  ];
  for (const attempt of attempts) assert.equal((await failureOf(attempt())).code, "LDR_UNVERIFIED");
});

Deno.test("RecordSigner signs the RFC 8785 form with HMAC-SHA-256", async () => {
  const signer = await RecordSigner.of(KEY);
  const bytes = await signer.sign({ kind: "builds", name: "é", value: { b: 1.0, a: [2] } });
  const { hmac } = JSON.parse(new TextDecoder().decode(bytes));
  const canonical = `{"formatVersion":1,"kind":"builds","name":"é","value":{"a":[2],"b":1}}`;
  assert.equal(hmac, createHmac("sha256", KEY).update(canonical).digest("hex"));
});

Deno.test("RecordSigner.of refuses a key of fewer than 32 bytes", async () => {
  for (const text of ["", "short", `${"a".repeat(31)}\n`]) {
    const error = await failureOf(RecordSigner.of(encoder.encode(text)));
    assert.equal(error.code, "LDR_CONFIG");
    assert.match(error.hint, /openssl rand/);
  }
});
