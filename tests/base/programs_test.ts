import assert from "node:assert/strict";
import { hasCode } from "../../src/base/errors.ts";
import { type ProgramOptions, runProgram } from "../../src/base/programs.ts";
import { WatchedAbort } from "../support/listeners.ts";

const ask = (script: string, options: Partial<ProgramOptions> = {}) =>
  runProgram("sh", {
    args: ["-c", script],
    stderr: "null",
    timeout: 60_000,
    limit: 1000,
    ...options,
  });

Deno.test("a program gets its input, and its answer comes without the space around it", async () => {
  const answer = await ask("echo; cat; echo done >&2; exit 3", { input: "what was asked\n" });
  assert.deepEqual(answer, { ended: true, success: false, code: 3, stdout: "what was asked" });
});

Deno.test("a program that does not read its input is not waited for", async () => {
  const answer = await ask("echo yes", { input: "x".repeat(1_000_000) });
  assert.deepEqual(answer, { ended: true, success: true, code: 0, stdout: "yes" });
});

Deno.test("a program that is not there is the caller's to name", async () => {
  const options = { args: [], stderr: "null", timeout: 1000, limit: 10 } as const;
  await assert.rejects(runProgram("larder-test-missing", options), Deno.errors.NotFound);
});

Deno.test("a program that takes too long is ended, also where a child of its holds the pipe", async () => {
  const answer = await ask("sleep 5 & wait", { timeout: 200 });
  assert.deepEqual(answer, { ended: false, reason: "was not done after 0.2 s" });
});

Deno.test("a program that answers without end is ended", async () => {
  const answer = await ask("while :; do echo more and more and more; done");
  assert.deepEqual(answer, { ended: false, reason: "answered without end" });
});

Deno.test("an interruption ends it, and nobody listens for one afterwards", async () => {
  const abort = new WatchedAbort();
  await ask("true", { signal: abort.signal });
  assert.equal(abort.listeners, 0);
  const asking = ask("exec sleep 300", { signal: abort.signal });
  abort.abort();
  await assert.rejects(asking, (error) => hasCode(error, "LDR_INTERRUPTED"));
  assert.equal(abort.listeners, 0);
});
