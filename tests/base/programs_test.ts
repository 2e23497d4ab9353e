import assert from "node:assert/strict";
import { hasCode } from "../../src/base/errors.ts";
import { type ProgramOptions, runProgram } from "../../src/base/programs.ts";
import { WatchedAbort } from "../support/listeners.ts";

const run = (script: string, options: Partial<ProgramOptions> = {}) =>
  runProgram("sh", {
    args: ["-c", script],
    stderr: "null",
    timeout: 60_000,
    limit: 1000,
    ...options,
  });

Deno.test("runProgram passes the input and trims the output", async () => {
  const result = await run("echo; cat; echo done >&2; exit 3", { input: "question\n" });
  assert.deepEqual(result, { ended: true, success: false, code: 3, stdout: "question" });
});

Deno.test("runProgram does not wait for a program that ignores its input", async () => {
  const result = await run("echo yes", { input: "x".repeat(1_000_000) });
  assert.deepEqual(result, { ended: true, success: true, code: 0, stdout: "yes" });
});

Deno.test("runProgram throws NotFound for a missing program", async () => {
  const options = { args: [], stderr: "null", timeout: 1000, limit: 10 } as const;
  await assert.rejects(runProgram("larder-test-missing", options), Deno.errors.NotFound);
});

Deno.test("runProgram ends at the timeout, even if a child process holds the pipe", async () => {
  const result = await run("sleep 5 & wait", { timeout: 200 });
  assert.deepEqual(result, { ended: false, reason: "did not finish within 0.2 s" });
});

Deno.test("runProgram kills a program that writes more than the limit", async () => {
  const result = await run("while :; do echo more and more and more; done");
  assert.deepEqual(result, { ended: false, reason: "wrote more than 1000 B" });
});

Deno.test("runProgram kills the program on an abort, and removes its abort listener", async () => {
  const abort = new WatchedAbort();
  await run("true", { signal: abort.signal });
  assert.equal(abort.listeners, 0);
  const running = run("exec sleep 300", { signal: abort.signal });
  abort.abort();
  await assert.rejects(running, (error) => hasCode(error, "LDR_INTERRUPTED"));
  assert.equal(abort.listeners, 0);
});
