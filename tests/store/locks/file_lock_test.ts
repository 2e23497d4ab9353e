import assert from "node:assert/strict";
import { hasCode } from "../../../src/base/errors.ts";
import { lockFile, tryLockFile, warnWithoutLocks } from "../../../src/store/locks/file_lock.ts";

/** A file whose lock answers each call in turn; the last answer repeats. */
function fileAnswering(...answers: (boolean | Error)[]): Deno.FsFile & { calls: number } {
  const file = {
    calls: 0,
    statSync: () => ({ dev: 0, ino: 0 }),
    tryLockSync() {
      const answer = answers[Math.min(file.calls++, answers.length - 1)]!;
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  return file as unknown as Deno.FsFile & { calls: number };
}

/** The errors of the runtime, which leaves out some codes. */
const error = (message: string, code?: string) => Object.assign(new Error(message), { code });
const INTERRUPTED = new Deno.errors.Interrupted("Interrupted system call (os error 4)");
const [NOLCK, NOSYS] = Deno.build.os === "linux" ? [37, 38] : [77, 78];

const UNSUPPORTED: readonly (readonly [string, Error])[] = [
  ["ENOLCK", error(`No locks available (os error ${NOLCK})`)],
  ["ENOSYS", error(`Function not implemented (os error ${NOSYS})`)],
  ["ENOTSUP", error("Operation not supported (os error 95)", "ENOTSUP")],
  ["EOPNOTSUPP", error("Operation not supported (os error 102)", "EOPNOTSUPP")],
  ["EINVAL", error("Invalid argument (os error 22)", "EINVAL")],
  ["NotSupported", new Deno.errors.NotSupported("not supported")],
];

Deno.test("lockFile goes on without locks, and warns once", async (t) => {
  const warnings: string[] = [];
  warnWithoutLocks((message) => warnings.push(message));
  for (const [name, failure] of UNSUPPORTED) {
    await t.step(name, async () => {
      assert.equal(await lockFile(fileAnswering(failure), true), "unknown");
      assert.equal(await lockFile(fileAnswering(false, failure), true), "unknown");
      assert.equal(tryLockFile(fileAnswering(failure), true), "unknown");
    });
  }
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, /has no locks/);
});

Deno.test("lockFile tries again after an interrupted system call, and not for ever", async () => {
  assert.equal(await lockFile(fileAnswering(INTERRUPTED, INTERRUPTED, true), true), "taken");
  assert.equal(tryLockFile(fileAnswering(INTERRUPTED, false), true), "busy");
  const always = fileAnswering(INTERRUPTED);
  assert.throws(() => tryLockFile(always, true), Deno.errors.Interrupted);
  assert.equal(always.calls, 10);
});

Deno.test("lockFile throws other errors", async () => {
  const failure = error("Input/output error (os error 5)", "EIO");
  await assert.rejects(lockFile(fileAnswering(failure), true), failure);
  assert.throws(() => tryLockFile(fileAnswering(failure), true), failure);
});

Deno.test("lockFile waits until the lock is free, the timeout passes or the signal is aborted", async () => {
  let waits = 0;
  const waiting = () => void waits++;
  assert.equal(await lockFile(fileAnswering(false, false, true), true, { waiting }), "taken");
  assert.equal(await lockFile(fileAnswering(false), true, { waiting, timeout: 0 }), "busy");
  assert.equal(waits, 2);
  const stop = new AbortController();
  const waited = lockFile(fileAnswering(false), true, { signal: stop.signal });
  stop.abort();
  await assert.rejects(waited, (error) => hasCode(error, "LDR_INTERRUPTED"));
});

Deno.test("lockFile waits for its timeout, whatever is done to the system's clock", async () => {
  const now = Date.now;
  const file = fileAnswering(false, false, true);
  const waiting = () => void (Date.now = () => now() + 3_600_000);
  try {
    assert.equal(await lockFile(file, true, { waiting, timeout: 600_000 }), "taken");
  } finally {
    Date.now = now;
  }
});
