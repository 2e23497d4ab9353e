import assert from "node:assert/strict";
import { hasCode } from "../../src/base/errors.ts";
import { diskError } from "../../src/base/files.ts";
import { isUnsupported, specialPathError, systemCode } from "../../src/base/system_error.ts";

const withCode = (code: string) => Object.assign(new Error("failed"), { code });

Deno.test("systemCode returns the code, or that of the number at the end of the text", () => {
  assert.equal(systemCode(withCode("ENOSPC")), "ENOSPC");
  assert.equal(systemCode(new Error("Interrupted system call (os error 4)")), "EINTR");
  assert.equal(systemCode(new Error("Is odd (os error 999): open '/x'")), "os error 999");
  assert.equal(systemCode(new Error("oops")), undefined);
  assert.equal(systemCode("oops"), undefined);
});

Deno.test("isUnsupported is true for an operation that the file system does not have", () => {
  for (const code of ["ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EINVAL", "ENOLCK"]) {
    assert.ok(isUnsupported(withCode(code)), code);
  }
  for (const code of ["EIO", "ENOSPC", "EACCES", "EINTR"]) {
    assert.ok(!isUnsupported(withCode(code)), code);
  }
});

Deno.test("diskError is LDR_DISK also for an error of the system without a code", () => {
  const error = diskError(new Error("Stale file handle (os error 116)"), "read", "/x");
  assert.ok(hasCode(error, "LDR_DISK"));
  assert.match(error.message, /^cannot read \/x: Stale file handle/);
  const other = new Error("a bug");
  assert.equal(diskError(other, "read", "/x"), other);
});

Deno.test("specialPathError explains the refusal of a path, and no other lack of a permission", () => {
  const refusal = (text: string) => new Deno.errors.NotCapable(text);
  const all = refusal('Requires all access to "/dev/shm/x", run again with the --allow-all flag');
  const error = diskError(all, "list", "/dev/shm/x");
  assert.ok(hasCode(error, "LDR_PERMISSION"));
  assert.match(error.message, /^cannot list \/dev\/shm\/x: larder opens no files below \/dev/);
  assert.match(error.hint, /mount --bind/);
  const other = refusal('Requires sys access to "ca", run again with the --allow-sys flag');
  assert.equal(specialPathError(other), undefined);
  assert.equal(specialPathError(new Error("oops")), undefined);
});
