import assert from "node:assert/strict";
import { join } from "node:path";
import { hasCode } from "../../../../src/base/errors.ts";
import { readCertificateFolder, readCertificates } from "../../../../src/registry/http/tls/ca.ts";
import { TestCa } from "../../../support/registry/certificates.ts";
import { TemporaryFolder } from "../../../support/temporary.ts";

const read = (text: string) => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "ca.pem");
  Deno.writeTextFileSync(path, text);
  return readCertificates(path, "--ca-file");
};

Deno.test("readCertificates reads every certificate and ignores other text", async () => {
  using ca = await TestCa.create();
  const pem = ca.pem.trim();
  assert.deepEqual(readCertificates(ca.file, "--ca-file"), [pem]);
  const windows = pem.replaceAll("\n", "\r\n");
  assert.deepEqual(read(`# My CA\n${pem}\n\nAnother:\n${windows}\n`), [pem, windows]);
});

Deno.test("readCertificates leaves out a private key", async () => {
  using ca = await TestCa.create();
  const { certificate, key } = await ca.issue();
  const pem = Deno.readTextFileSync(certificate).trim();
  assert.deepEqual(read(Deno.readTextFileSync(key) + pem), [pem]);
});

const garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

const BAD: [string, string, RegExp][] = [
  ["an empty file", "", /no certificate in PEM form/],
  ["plain text", "garbage", /no certificate in PEM form/],
  ["a key alone", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", /no certificate/],
  ["half a certificate", "-----BEGIN CERTIFICATE-----\nAAAA", /no certificate in PEM form/],
  ["an invalid certificate", garbage, /its certificate 1 cannot be read/],
];

for (const [name, text, reason] of BAD) {
  Deno.test(`readCertificates rejects ${name}`, () => {
    assert.throws(
      () => read(text),
      (error) =>
        hasCode(error, "LDR_CONFIG") && reason.test(error.message) &&
        error.message.includes("--ca-file"),
    );
  });
}

Deno.test("readCertificates names an invalid certificate by its number", async () => {
  using ca = await TestCa.create();
  assert.throws(() => read(ca.pem + garbage), /its certificate 2 cannot be read/);
});

Deno.test("readCertificates blames DENO_TLS_CA_STORE, not the file, for a store that does not exist", async () => {
  using ca = await TestCa.create();
  const before = Deno.env.get("DENO_TLS_CA_STORE");
  Deno.env.set("DENO_TLS_CA_STORE", "windows");
  try {
    assert.throws(() => read(ca.pem), /bad DENO_TLS_CA_STORE: "windows"/);
  } finally {
    if (before === undefined) Deno.env.delete("DENO_TLS_CA_STORE");
    else Deno.env.set("DENO_TLS_CA_STORE", before);
  }
});

Deno.test("readCertificates fails for a missing file and for a folder", () => {
  using folder = new TemporaryFolder();
  assert.throws(
    () => readCertificates(join(folder.path, "absent.pem"), "SSL_CERT_FILE"),
    (error) => hasCode(error, "LDR_CONFIG") && /SSL_CERT_FILE/.test(error.message),
  );
  assert.throws(
    () => readCertificates(folder.path, "SSL_CERT_FILE"),
    (error) => hasCode(error, "LDR_CONFIG", "LDR_DISK"),
  );
});

Deno.test("readCertificateFolder reads the certificates of every file once, and leaves out the rest", async () => {
  using ca = await TestCa.create();
  using other = await TestCa.create();
  using folder = new TemporaryFolder();
  const path = (name: string) => join(folder.path, name);
  Deno.writeTextFileSync(path("ca.pem"), ca.pem);
  Deno.symlinkSync("ca.pem", path("1234abcd.0"));
  Deno.symlinkSync("nowhere", path("dangling.0"));
  Deno.writeTextFileSync(path("bundle.crt"), `${ca.pem}\n${other.pem}${garbage}`);
  Deno.writeTextFileSync(path("README"), "no certificate");
  Deno.mkdirSync(path("java"));
  const expected = [ca.pem.trim(), other.pem.trim()].sort();
  assert.deepEqual(readCertificateFolder(folder.path).sort(), expected);
  assert.deepEqual(readCertificateFolder(path("missing")), []);
});
