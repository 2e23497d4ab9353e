import assert from "node:assert/strict";
import { join } from "node:path";
import { plain, readReport, type Report, summarize } from "../../../scripts/test_runner/report.ts";
import { EXCEPTIONS_VARIABLE } from "../../binary_exceptions.ts";
import { childEnvironment } from "../../support/cli/environment.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

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

Deno.test("readReport lists passed, failed and ignored tests with the reasons", () => {
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

Deno.test("summarize counts a skip without a reason as failed and notes one with a reason", () => {
  const ignored = [{ name: "a", reason: "no disk" }, { name: "b", reason: undefined }];
  assert.deepEqual(summarize({ passed: 3, failed: [], ignored }, true), {
    passed: 3,
    failed: 1,
    notes: ["not run: a: no disk", "not run: b: NO REASON GIVEN"],
  });
});

Deno.test("summarize counts an exception without its test as failed", () => {
  const report = { passed: 3, failed: ["b"], ignored: [{ name: "a", reason: "no zstd" }] };
  assert.deepEqual(summarize(report, false, { a: "no zstd", c: "no lock" }), {
    passed: 3,
    failed: 2,
    notes: [
      "not run: a: no zstd",
      "FAILED: no test has the name of the exception c",
      "FAILED: b",
    ],
  });
});

Deno.test("summarize counts one failure for a run that fails outside its tests", () => {
  assert.equal(summarize({ passed: 0, failed: [], ignored: [] }, false).failed, 1);
  assert.equal(summarize({ passed: 0, failed: ["a"], ignored: [] }, false).failed, 1);
  assert.equal(summarize({ passed: 0, failed: [], ignored: [] }, true).failed, 0);
});

Deno.test("plain removes colours", () => {
  assert.equal(plain("Uncaught \x1b[0m\x1b[31mFAILED\x1b[0m"), "Uncaught FAILED");
});

/** Runs these test modules and reads the report. */
async function reportOf(
  modules: Record<string, string>,
  exceptions?: Record<string, string>,
): Promise<Report> {
  using folder = new TemporaryFolder();
  for (const [name, text] of Object.entries(modules)) {
    Deno.writeTextFileSync(join(folder.path, name), text);
  }
  const junit = join(folder.path, "junit.xml");
  const preload = join(import.meta.dirname!, "../../support/cli/skip_exceptions.ts");
  const skipping = exceptions ? [`--preload=${preload}`] : [];
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "test",
      "-A",
      "--no-check",
      "--no-config",
      "--no-lock",
      `--junit-path=${junit}`,
      ...skipping,
    ],
    cwd: folder.path,
    clearEnv: true,
    env: childEnvironment({ [EXCEPTIONS_VARIABLE]: JSON.stringify(exceptions ?? {}) }),
  }).output();
  const lines = [stdout, stderr].flatMap((b) => plain(new TextDecoder().decode(b)).split("\n"));
  return readReport(Deno.readTextFileSync(junit), lines);
}

Deno.test("readReport understands the output of Deno", async () => {
  const report = await reportOf({
    "a_test.ts": `
      Deno.test("good", () => {});
      Deno.test("bad", () => { throw new Error("x"); });
      Deno.test({ name: "away (needs luck)", ignore: true, fn() {} });`,
    "b_test.ts": `throw new Error("y");`,
  });
  assert.deepEqual(report, {
    passed: 1,
    failed: ["bad", "./b_test.ts"],
    ignored: [{ name: "away (needs luck)", reason: "needs luck" }],
  });
});

Deno.test("skip_exceptions skips the listed tests and steps and no others", async () => {
  const bad = `() => { throw new Error("must not run"); }`;
  const report = await reportOf({
    "a_test.ts": `
      Deno.test("one", ${bad});
      Deno.test("two", { permissions: "inherit" }, ${bad});
      Deno.test({ name: "three", fn: ${bad} });
      Deno.test({ name: "four" }, ${bad});
      Deno.test(function five() { throw new Error("must not run"); });
      Deno.test("six", async (t) => {
        await t.step("a", ${bad});
        await t.step("b", () => {});
        await t.step({ name: "c", fn: (t) => t.step("d", ${bad}) });
      });
      Deno.test("seven", () => {});`,
  }, { one: "1", two: "2", three: "3", four: "4", five: "5", "six > a": "6", "six > c > d": "7" });
  assert.deepEqual(report.failed, []);
  const skipped = report.ignored.map(({ name, reason }) => `${name}: ${reason}`).sort();
  assert.deepEqual(
    skipped,
    ["five: 5", "four: 4", "one: 1", "six > a: 6", "six > c > d: 7", "three: 3", "two: 2"],
  );
  assert.equal(report.passed, 4, "six, its b and c, and seven");
});
