import assert from "node:assert/strict";
import { join } from "node:path";
import { hasCode } from "../../../src/base/errors.ts";
import { readTlsFiles } from "../../../src/serve/access/tls_files.ts";
import { TestCa } from "../../support/registry/certificates.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

Deno.test("readTlsFiles returns a pair, and names the option or file that is wrong", async () => {
  using ca = await TestCa.create();
  using folder = new TemporaryFolder();
  const [{ certificate, key }, other] = [await ca.issue(), await ca.issue()];
  const junk = join(folder.path, "junk.pem");
  Deno.writeTextFileSync(junk, "junk");
  const now = Date.now();
  const pair = readTlsFiles(certificate, key, now)!;
  assert.deepEqual(pair, {
    cert: Deno.readTextFileSync(certificate),
    key: Deno.readTextFileSync(key),
  });
  assert.equal(readTlsFiles(undefined, undefined, now), undefined);
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
      () => readTlsFiles(cert, own, now),
      (error: Error) => error.name === "LarderError" && error.message.includes(part),
      part,
    );
  }
  const late = now + 100 * 365 * 86_400_000;
  assert.throws(
    () => readTlsFiles(certificate, key, late),
    (error) => hasCode(error, "LDR_CONFIG") && / it expired on /.test(error.message),
  );
});
