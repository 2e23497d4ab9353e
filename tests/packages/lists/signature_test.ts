import assert from "node:assert/strict";
import { join } from "node:path";
import { Keyring } from "../../../src/packages/lists/signature.ts";
import { failureOf } from "../../support/failure_of.ts";
import { encode } from "../../support/packages/debian_mirror.ts";
import {
  clearSigned,
  GPG_DETACHED,
  GPG_KEY,
  SIGNED_TEXT,
} from "../../support/packages/gpg_vectors.ts";
import { SigningKey } from "../../support/packages/signing_key.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

const NOW = Date.UTC(2026, 0, 31, 12);
const DAY = 24 * 60 * 60;

/** Keys in files of a temporary folder. */
class TestKeyring extends TemporaryFolder {
  async open(...keys: (string | Uint8Array)[]): Promise<Keyring> {
    const path = join(this.path, "keys");
    Deno.writeFileSync(path, encode(""));
    for (const key of keys) {
      Deno.writeFileSync(path, typeof key === "string" ? encode(`${key}\n`) : key, {
        append: true,
      });
    }
    return await Keyring.open(path);
  }
}

function verifyInline(keyring: Keyring, text: string, now = NOW): Promise<string> {
  return keyring.verify({ name: "InRelease", bytes: encode(text) }, now);
}

Deno.test("Keyring.verify returns the text that GnuPG signed in clear text", async () => {
  using keys = new TestKeyring();
  assert.equal(await verifyInline(await keys.open(GPG_KEY), clearSigned("SHA512")), SIGNED_TEXT);
});

Deno.test("Keyring.verify accepts a detached signature, binary and armored", async () => {
  using keys = new TestKeyring();
  const keyring = await keys.open(GPG_KEY);
  const bytes = encode(SIGNED_TEXT + "\n");
  const signature = Uint8Array.from(atob(GPG_DETACHED), (each) => each.charCodeAt(0));
  const text = await keyring.verify({ name: "Release", bytes, signature }, NOW);
  assert.equal(text, SIGNED_TEXT + "\n");
  const key = await SigningKey.create();
  const armored = encode(await key.signDetached(bytes));
  const own = await keys.open(key.armored);
  assert.equal(await own.verify({ name: "Release", bytes, signature: armored }, NOW), text);
  const altered = encode(SIGNED_TEXT + "!\n");
  const failure = await failureOf(
    keyring.verify({ name: "Release", bytes: altered, signature }, NOW),
  );
  assert.equal(failure.code, "LDR_UNVERIFIED");
  assert.match(
    failure.message,
    /^cannot verify Release: it was changed after the key [0-9A-F]{16} had signed it/,
  );
});

Deno.test("Keyring.verify accepts one good signature among others, and keys in any form", async () => {
  using keys = new TestKeyring();
  const [one, other] = await Promise.all([SigningKey.create(), SigningKey.create()]);
  const signed = await SigningKey.signInlineWith([one, other], "text");
  assert.equal(await verifyInline(await keys.open(one.armored), signed), "text");
  assert.equal(await verifyInline(await keys.open(other.armored), signed), "text");
  assert.equal(await verifyInline(await keys.open(one.armored, other.armored), signed), "text");
  assert.equal(await verifyInline(await keys.open(one.binary, other.binary), signed), "text");
});

Deno.test("Keyring.verify refuses weak digests and expired signatures", async () => {
  using keys = new TestKeyring();
  const keyring = await keys.open(GPG_KEY);
  for (
    const [kind, reason] of [["SHA1", /SHA1/], ["MD5", /MD5/], ["expired", /expired/]] as const
  ) {
    const { code, message, exitCode } = await failureOf(verifyInline(keyring, clearSigned(kind)));
    assert.deepEqual([code, exitCode], ["LDR_UNVERIFIED", 5], kind);
    assert.match(message, reason);
  }
});

Deno.test("Keyring.verify refuses a key that is not in the keyring, and names both", async () => {
  using keys = new TestKeyring();
  const [trusted, other] = await Promise.all([SigningKey.create(), SigningKey.create()]);
  const keyring = await keys.open(trusted.armored);
  const { code, message } = await failureOf(verifyInline(keyring, await other.signInline("text")));
  assert.equal(code, "LDR_UNVERIFIED");
  assert.ok(message.includes(`the key ${other.id} is not in ${join(keys.path, "keys")}`), message);
});

Deno.test("Keyring.verify refuses a key that is expired or revoked now, also for an older signature", async () => {
  using keys = new TestKeyring();
  const key = await SigningKey.create({ expires: 400 * DAY });
  const signed = await key.signInline("text");
  const keyring = await keys.open(key.armored);
  assert.equal(await verifyInline(keyring, signed), "text");
  const later = await failureOf(verifyInline(keyring, signed, NOW + 300 * DAY * 1000));
  assert.match(later.message, /expired/);
  const date = new Date(Date.UTC(2026, 0, 30));
  const revoked = await keys.open(key.revoked);
  const failure = await failureOf(verifyInline(revoked, await key.signInline("text", { date })));
  assert.match(failure.message, /revoked/);
});

Deno.test("Keyring.verify counts only what is signed", async () => {
  using keys = new TestKeyring();
  const keyring = await keys.open(GPG_KEY);
  const signed = clearSigned("SHA512");
  const around = { before: `Evil: yes\n\n${signed}`, after: `${signed}\nEvil: yes\n` };
  for (const [name, text] of Object.entries(around)) {
    assert.equal(await verifyInline(keyring, text), SIGNED_TEXT, name);
  }
  const header = "Hash: SHA512\n";
  const begin = "-----BEGIN PGP SIGNED MESSAGE-----\n";
  const attacks = {
    altered: signed.replace("stable", "evil"),
    "a header that is no header": signed.replace(header, `${header}Evil: yes\n`),
    "a line of white space after the headers": signed.replace(header, `${header} \nEvil: yes\n`),
    "a form feed in the headers": signed.replace(header, `${header}\fEvil: yes\n`),
    "a message in a message": signed.replace(begin, `${begin}${header}\nEvil: yes\n${begin}`),
    "no signature": signed.slice(0, signed.indexOf("-----BEGIN PGP SIGNATURE")),
    "an empty signature": signed.replace(/(SIGNATURE-----\n)[^]*(\n-----END)/, "$1$2"),
    "a plain text": "Suite: stable\n",
    empty: "",
  };
  for (const [name, text] of Object.entries(attacks)) {
    assert.equal((await failureOf(verifyInline(keyring, text))).code, "LDR_UNVERIFIED", name);
  }
});

Deno.test("Keyring.open says what is wrong with a file of keys", async () => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "keys");
  const cases: [Uint8Array | undefined, RegExp][] = [
    [undefined, /there is no such file/],
    [encode("no keys"), /it has no OpenPGP keys/],
    [encode(""), /it has no OpenPGP keys/],
    [encode("\0\0\0\x20\x01\x01\0\x02KBXf\0\0\0\0"), /GnuPG's own format/],
    [encode(clearSigned("SHA512")), /it has no OpenPGP keys/],
  ];
  for (const [bytes, expected] of cases) {
    if (bytes) Deno.writeFileSync(path, bytes);
    const { code, message } = await failureOf(Keyring.open(path));
    assert.equal(code, "LDR_CONFIG");
    assert.match(message, expected);
    assert.ok(message.includes(path), message);
  }
});
