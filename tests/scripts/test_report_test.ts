import assert from "node:assert/strict";
import { judge, plain, readReport } from "../../scripts/test_report.ts";

const JUNIT = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="5" failures="1" errors="0" time="0.144">
    <testsuite name="./a_test.ts" tests="5" disabled="2" errors="0" failures="1">
        <testcase name="reads &lt;a&gt; &amp; &quot;b&quot;" classname="./a_test.ts" time="0.002">
        </testcase>
        <testcase name="fails" classname="./a_test.ts" time="0.000" line="4" col="6">
            <failure message="Uncaught Error: boo">Error: &lt;skipped/&gt;</failure>
        </testcase>
        <testcase name="runs on (needs pwsh)" classname="./a_test.ts" time="0.000">
            <skipped/>
        </testcase>
        <testcase name="mounts" classname="./a_test.ts" time="0.000">
            <skipped/>
        </testcase>
        <testcase name="hides" classname="./a_test.ts" time="0.000">
            <skipped/>
        </testcase>
    </testsuite>
</testsuites>`;

const OUTPUT = [
  `not run: "mounts" (mount is refused (by the kernel))`,
  "Uncaught error from ./b_test.ts FAILED",
  "ok | not a line of interest",
];

Deno.test("a report has what passed, what failed, and why the rest was not run", () => {
  assert.deepEqual(readReport(JUNIT, OUTPUT), {
    passed: 1,
    failed: ["fails", "./b_test.ts"],
    ignored: [
      { name: "runs on (needs pwsh)", reason: "needs pwsh" },
      { name: "mounts", reason: "mount is refused (by the kernel)" },
      { name: "hides", reason: undefined },
    ],
  });
});

Deno.test("a skip without a reason counts as failed, one with a reason is told", () => {
  const ignored = [{ name: "a", reason: "no disk" }, { name: "b", reason: undefined }];
  assert.deepEqual(judge({ passed: 3, failed: [], ignored }, true), {
    passed: 3,
    failed: 1,
    notes: ["not run: a: no disk", "not run: b: NO REASON GIVEN"],
  });
});

Deno.test("an expected failure is told and not counted, an unexpected one is", () => {
  const report = { passed: 3, failed: ["a", "b"], ignored: [] };
  assert.deepEqual(judge(report, false, { a: "no zstd", c: "no lock" }), {
    passed: 3,
    failed: 1,
    notes: [
      "failed as expected: a: no zstd",
      "did not fail, take it out of the exceptions: c",
      "FAILED: b",
    ],
  });
});

Deno.test("a run that fails with no test to blame has one failure", () => {
  assert.equal(judge({ passed: 0, failed: [], ignored: [] }, false).failed, 1);
  assert.equal(judge({ passed: 0, failed: ["a"], ignored: [] }, false).failed, 1);
  assert.equal(judge({ passed: 0, failed: ["a"], ignored: [] }, false, { a: "" }).failed, 0);
});

Deno.test("colours are taken out of the output", () => {
  assert.equal(plain("Uncaught \x1b[0m\x1b[31mFAILED\x1b[0m"), "Uncaught FAILED");
});

Deno.test("what Deno itself writes is understood", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    Deno.writeTextFileSync(
      `${folder}/a_test.ts`,
      `Deno.test("good", () => {});
       Deno.test("bad", () => { throw new Error("x"); });
       Deno.test({ name: "away (needs luck)", ignore: true, fn() {} });`,
    );
    Deno.writeTextFileSync(`${folder}/b_test.ts`, `throw new Error("y");`);
    const junit = `${folder}/junit.xml`;
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "--no-config", "--no-lock", `--junit-path=${junit}`, folder],
      cwd: folder,
    }).output();
    assert.notEqual(code, 0);
    const lines = plain(new TextDecoder().decode(stdout)).split("\n");
    const report = readReport(Deno.readTextFileSync(junit), lines);
    assert.equal(report.passed, 1);
    assert.deepEqual(report.failed, ["bad", "./b_test.ts"]);
    assert.deepEqual(report.ignored, [{ name: "away (needs luck)", reason: "needs luck" }]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
