import assert from "node:assert/strict";
import { join } from "node:path";
import { hasCode } from "../../../src/base/errors.ts";
import { openTlsFiles } from "../../../src/serve/access/tls_files.ts";
import { TestCa } from "../../support/registry/certificates.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

Deno.test("openTlsFiles reads a pair, and names the option or file that is wrong", async () => {
  using ca = await TestCa.create();
  using folder = new TemporaryFolder();
  const [{ certificate, key }, other] = [await ca.issue(), await ca.issue()];
  const junk = join(folder.path, "junk.pem");
  Deno.writeTextFileSync(junk, "junk");
  const options = { now: () => Date.now(), warn: assert.fail };
  const { pair } = openTlsFiles(certificate, key, options)!;
  assert.deepEqual(pair, {
    cert: Deno.readTextFileSync(certificate),
    key: Deno.readTextFileSync(key),
  });
  assert.equal(openTlsFiles(undefined, undefined, options), undefined);
  const cases = [
    [certificate, undefined, "--tls-cert needs --tls-key"],
    [undefined, key, "--tls-key needs --tls-cert"],
    [certificate, other.key, `cannot use ${other.key}: it is not the key of ${certificate}`],
    [certificate, junk, `cannot use ${junk}: it is not a private key`],
    [junk, key, junk],
    [join(folder.path, "absent"), key, "absent"],
    [certificate, join(folder.path, "absent"), "absent"],
  ] as const;
  for (const [cert, own, part] of cases) {
    assert.throws(
      () => openTlsFiles(cert, own, options),
      (error: Error) => error.name === "LarderError" && error.message.includes(part),
      part,
    );
  }
  const late = { ...options, now: () => Date.now() + 100 * 365 * 86_400_000 };
  assert.throws(
    () => openTlsFiles(certificate, key, late),
    (error) => hasCode(error, "LDR_CONFIG") && / it expired on /.test(error.message),
  );
});

Deno.test("TlsFiles returns a pair once it is renewed and whole, and keeps the old one with a warning", async () => {
  using ca = await TestCa.create();
  using folder = new TemporaryFolder();
  const issued = [await ca.issue(), await ca.issue()] as const;
  const [cert, key] = [join(folder.path, "cert.pem"), join(folder.path, "key.pem")];
  // As certbot does it: links that are replaced one after the other.
  const link = (target: string, path: string) => {
    Deno.symlinkSync(target, `${path}.new`);
    Deno.renameSync(`${path}.new`, path);
  };
  link(issued[0].certificate, cert);
  link(issued[0].key, key);
  const warnings: string[] = [];
  const options = { now: () => Date.now(), warn: (message: string) => warnings.push(message) };
  const files = openTlsFiles(cert, key, options)!;
  assert.equal(files.renewed(), undefined);
  link(issued[1].certificate, cert);
  assert.equal(files.renewed(), undefined);
  link(issued[1].key, key);
  assert.equal(files.renewed(), undefined);
  assert.deepEqual(files.renewed(), {
    cert: Deno.readTextFileSync(issued[1].certificate),
    key: Deno.readTextFileSync(issued[1].key),
  });
  assert.deepEqual([files.renewed(), warnings], [undefined, []]);
  link(issued[0].key, key);
  assert.deepEqual([files.renewed(), files.renewed(), files.renewed()], Array(3).fill(undefined));
  Deno.removeSync(cert);
  assert.deepEqual([files.renewed(), files.renewed(), files.renewed()], Array(3).fill(undefined));
  assert.equal(warnings.length, 2, warnings.join("\n"));
  assert.match(warnings[0]!, /^keeping the previous certificate: .* it is not the key of /);
  assert.match(warnings[1]!, /^keeping the previous certificate: .*cert\.pem/);
});
