import assert from "node:assert/strict";
import { join } from "node:path";
import { runTests } from "../../../scripts/test_runner/process.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

/** Runs a test file with this content. */
async function runFile(content: string, silenceLimit?: number) {
  using folder = new TemporaryFolder();
  Deno.writeTextFileSync(join(folder.path, "a_test.ts"), content);
  return await runTests(["a_test.ts"], { cwd: folder.path, shown: false, silenceLimit });
}

Deno.test("runTests reports the result of each test and the output", async () => {
  const { success, output, report } = await runFile(`
    Deno.test("good", () => console.log("some output"));
    Deno.test("bad", () => { throw new Error("boo"); });
  `);
  assert.equal(success, false);
  assert.match(output, /some output/);
  assert.deepEqual(report, { passed: 1, failed: ["bad"], ignored: [] });
});

Deno.test("runTests kills a process that hangs and reports a failure", async () => {
  const hanging = `
    console.log("the last words");
    const child = new Deno.Command("sleep", { args: ["60"], stdin: "null" }).spawn();
    setInterval(() => console.log("'hangs' has been running for over (1m0s)"), 500);
    Deno.test("hangs", async () => void await child.status);
  `;
  const { success, report } = await runFile(hanging, 3000);
  assert.equal(success, false);
  assert.equal(report.failed.length, 1);
  assert.match(report.failed[0]!, /^tests that hang, /);
});
