import assert from "node:assert/strict";
import { join } from "node:path";
import { LarderError } from "../../../../src/base/errors.ts";
import { readHostCertificates } from "../../../../src/registry/http/tls/host_certificates.ts";
import { run } from "../../../support/cli/commands.ts";
import { TestCa } from "../../../support/registry/certificates.ts";
import { TemporaryFolder } from "../../../support/temporary.ts";

const HOST = new URL("https://reg.test:5000/v2/");

/** Writes files into folders for hosts, and returns the path of the folder above. */
function arrange(folder: TemporaryFolder, name: string, files: Record<string, string>): string {
  for (const [path, text] of Object.entries(files)) {
    const [host] = path.split("/");
    Deno.mkdirSync(join(folder.path, name, host!), { recursive: true });
    Deno.writeTextFileSync(join(folder.path, name, path), text);
  }
  return join(folder.path, name);
}

const read = (path: string) => Deno.readTextFileSync(path);

Deno.test("readHostCertificates reads the CAs and the client certificate of a host", async () => {
  using ca = await TestCa.create();
  using other = await TestCa.create();
  using folder = new TemporaryFolder();
  const client = await ca.issueClient();
  const certs = arrange(folder, "certs.d", {
    "reg.test:5000/ca.crt": ca.pem,
    "reg.test:5000/b.crt": other.pem,
    "reg.test:5000/client.cert": read(client.certificate),
    "reg.test:5000/client.key": read(client.key),
    "reg.test:5000/README": "notes",
    "reg.test/ca.crt": "another port",
  });
  assert.deepEqual(readHostCertificates([certs], HOST), {
    folder: join(certs, "reg.test:5000"),
    caCerts: [other.pem.trim(), ca.pem.trim()],
    client: { cert: read(client.certificate), key: read(client.key) },
  });
  assert.equal(readHostCertificates([certs], new URL("https://reg.test:5001/")), undefined);
});

Deno.test("readHostCertificates reads the first folder that has one for the host", async () => {
  using ca = await TestCa.create();
  using folder = new TemporaryFolder();
  const first = arrange(folder, "1", { "other.test/ca.crt": ca.pem });
  const second = arrange(folder, "2", { "reg.test:5000/empty": "" });
  const third = arrange(folder, "3", { "reg.test:5000/ca.crt": ca.pem });
  const missing = join(folder.path, "missing");
  const all = [missing, first, second, third];
  assert.deepEqual(readHostCertificates(all, HOST)?.caCerts, []);
  assert.equal(readHostCertificates([missing, first], HOST), undefined);
  assert.equal(readHostCertificates([missing, third], HOST)?.caCerts.length, 1);
});

Deno.test("readHostCertificates reads the folder of port 443 with or without the port", async () => {
  using ca = await TestCa.create();
  using folder = new TemporaryFolder();
  for (const name of ["reg.test", "reg.test:443"]) {
    const certs = arrange(folder, name, { [`${name}/ca.crt`]: ca.pem });
    assert.equal(readHostCertificates([certs], new URL("https://reg.test/"))?.caCerts.length, 1);
  }
});

Deno.test("readHostCertificates leaves out what the user may not read", async () => {
  using ca = await TestCa.create();
  using folder = new TemporaryFolder();
  const client = await ca.issueClient();
  const certs = arrange(folder, "certs.d", {
    "reg.test:5000/ca.crt": ca.pem,
    "reg.test:5000/client.cert": read(client.certificate),
    "reg.test:5000/client.key": read(client.key),
  });
  using _ = denying(join(certs, "reg.test:5000/client.key"));
  const found = readHostCertificates([certs], HOST);
  assert.deepEqual([found?.caCerts.length, found?.client], [1, undefined]);
});

/** Makes a path unreadable for this process, also if it is root's. */
function denying(path: string): Disposable {
  const { readTextFileSync } = Deno;
  Deno.readTextFileSync = (asked) => {
    if (asked === path) throw Object.assign(new Deno.errors.PermissionDenied(), { code: "EACCES" });
    return readTextFileSync(asked);
  };
  return { [Symbol.dispose]: () => void (Deno.readTextFileSync = readTextFileSync) };
}

Deno.test("readHostCertificates reads keys of every PEM form", async () => {
  using ca = await TestCa.create();
  using folder = new TemporaryFolder();
  const client = await ca.issueClient();
  const certs = arrange(folder, "certs.d", { "reg.test:5000/c.cert": read(client.certificate) });
  const key = join(certs, "reg.test:5000/c.key");
  await run("openssl", ["ec", "-in", client.key, "-out", key]); // SEC 1
  assert.match(read(key), /BEGIN EC PRIVATE KEY/);
  const { client: found } = readHostCertificates([certs], HOST)!;
  using _ = Deno.createHttpClient({ ...found! });
});

Deno.test("readHostCertificates names a file that cannot be used", async () => {
  using ca = await TestCa.create();
  const [one, other] = [await ca.issueClient(), await ca.issueClient()];
  const encrypted = await run("openssl", ["pkcs8", "-topk8", "-in", one.key, "-passout", "pass:x"]);
  const cert = read(one.certificate);
  const cases: [name: string, files: Record<string, string>, message: RegExp][] = [
    ["a certificate without a key", { "c.cert": cert }, /c\.cert: c\.key is missing/],
    ["a key without a certificate", { "c.key": read(one.key) }, /c\.key: c\.cert is missing/],
    ["a key of another name", { "c.cert": cert, "d.key": read(one.key) }, /c\.key is missing/],
    ["another key", { "c.cert": cert, "c.key": read(other.key) }, /c\.key: it is not the key of/],
    ["an encrypted key", { "c.cert": cert, "c.key": encrypted }, /c\.key: it is encrypted/],
    ["a key that is none", { "c.cert": cert, "c.key": "x" }, /c\.key: it is not a private key/],
    ["a certificate that is none", { "c.cert": "x", "c.key": read(one.key) }, /c\.cert/],
    ["a CA that is none", { "ca.crt": "x" }, /ca\.crt.*no certificate/],
  ];
  for (const [name, files, message] of cases) {
    using folder = new TemporaryFolder();
    const entries = Object.entries(files).map(([file, text]) => [`reg.test:5000/${file}`, text]);
    const certs = arrange(folder, "certs.d", Object.fromEntries(entries));
    assert.throws(() => readHostCertificates([certs], HOST), (error) => {
      assert(error instanceof LarderError, name);
      assert.equal(error.code, "LDR_CONFIG", name);
      assert.match(error.message, message, name);
      return true;
    });
  }
});
