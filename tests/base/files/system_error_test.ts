import assert from "node:assert/strict";
import { type ErrorCode, hasCode, LarderError } from "../../../src/base/errors.ts";
import {
  diskError,
  isUnsupported,
  specialPathError,
  systemCode,
} from "../../../src/base/files/system_error.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

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

const DISK_ERRORS: [string, Error, ErrorCode][] = [
  ["a full disk", withCode("ENOSPC"), "LDR_DISK_FULL"],
  ["a full quota", withCode("EDQUOT"), "LDR_DISK_FULL"],
  ["too many open files", withCode("EMFILE"), "LDR_DISK"],
  ["too many open files of the system", withCode("ENFILE"), "LDR_DISK"],
  ["a read-only file system", withCode("EROFS"), "LDR_READ_ONLY"],
  ["no permission", withCode("EACCES"), "LDR_PERMISSION"],
  ["an operation not permitted", withCode("EPERM"), "LDR_PERMISSION"],
  ["a missing permission of Deno", new Deno.errors.PermissionDenied("no"), "LDR_PERMISSION"],
  ["a file in place of a folder", withCode("ENOTDIR"), "LDR_DISK"],
  ["a file in place of a folder, without a code", new Deno.errors.NotADirectory("no"), "LDR_DISK"],
  ["a broken disk", withCode("EIO"), "LDR_DISK"],
  ["a folder in place of a file", withCode("EISDIR"), "LDR_DISK"],
  ["a name that is too long", withCode("ENAMETOOLONG"), "LDR_DISK"],
];

for (const [name, error, code] of DISK_ERRORS) {
  Deno.test(`diskError turns ${name} into ${code}, with path and cause`, () => {
    const mapped = diskError(error, "write", "/cache/file");
    assert.ok(hasCode(mapped, code));
    assert.match(mapped.message, /^cannot write \/cache\/file: /);
    assert.equal(mapped.cause, error);
  });
}

Deno.test("diskError tells a folder that is missing from a file", () => {
  using folder = new TemporaryFolder();
  const { path } = folder;
  const missing = new Deno.errors.NotFound();
  const of = (name: string) => diskError(missing, "write", name) as LarderError;
  assert.match(of(`${path}/x`).message, /: there is no such file$/);
  assert.equal(
    of(`${path}/a b/x`).message,
    `cannot write ${path}/a b/x: there is no folder ${path}/a b`,
  );
  assert.equal(of(`${path}/a b/x`).hint, `create it: mkdir -p '${path}/a b'`);
});

Deno.test("diskError hints at ulimit if too many files are open, and not at permissions", () => {
  const { hint } = diskError(withCode("EMFILE"), "open", "/x") as LarderError;
  assert.match(hint, /ulimit -n/);
  assert.doesNotMatch(hint, /permission/);
});

Deno.test("diskError returns any other error unchanged", () => {
  const own = new LarderError("LDR_BUSY", "busy", { hint: "wait" });
  const bug = new TypeError("undefined is not a function");
  for (const error of [own, bug, "text", undefined]) {
    assert.equal(diskError(error, "write", "/x"), error);
  }
});
