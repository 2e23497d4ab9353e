/** What one run of `deno test` found. */
export interface Report {
  readonly passed: number;
  /** Names of tests, and of modules that could not be run. */
  readonly failed: readonly string[];
  readonly ignored: readonly Ignored[];
}

export interface Ignored {
  readonly name: string;
  /** Undefined if the test gives none, which counts as a failure. */
  readonly reason: string | undefined;
}

/** The result of a step. */
export interface StepResult {
  readonly passed: number;
  readonly failed: number;
  /** Lines to print at the end of the run. */
  readonly notes: readonly string[];
}

interface Case {
  readonly name: string;
  readonly outcome: "passed" | "failed" | "ignored";
}

/**
 * Reads the result of `deno test` from its JUnit file and its output.
 *
 * The file omits modules that fail outside a test and the reasons of ignored tests. A test gives its reason
 * either in its name, `… (needs pwsh)`, or in a line `not run: "name" (reason)`.
 */
export function readReport(junit: string, output: readonly string[]): Report {
  const cases = casesOf(junit);
  const names = (outcome: Case["outcome"]) =>
    cases.filter((test) => test.outcome === outcome).map(({ name }) => name);
  const broken = output.flatMap((line) =>
    /^Uncaught error from (\S+) FAILED$/.exec(line)?.[1] ?? []
  );
  return {
    passed: names("passed").length,
    failed: [...names("failed"), ...broken],
    ignored: names("ignored").map((name) => ({ name, reason: reasonOf(name, output) })),
  };
}

/**
 * Counts the tests of a run. A skip without a reason counts as failed, and so does an exception without its test.
 *
 * @param success true if `deno test` succeeded; it can fail without a failed test
 * @param exceptions reasons for tests to be skipped, by name
 */
export function summarize(
  report: Report,
  success: boolean,
  exceptions: Readonly<Record<string, string>> = {},
): StepResult {
  const silent = report.ignored.filter(({ reason }) => reason === undefined);
  const unmatched = Object.keys(exceptions).filter((name) =>
    !report.ignored.some((test) => test.name === name)
  );
  const unexplained = !success && report.failed.length === 0 ? 1 : 0;
  return {
    passed: report.passed,
    failed: report.failed.length + silent.length + unmatched.length + unexplained,
    notes: [
      ...report.ignored.map(({ name, reason }) =>
        `not run: ${name}: ${reason ?? "NO REASON GIVEN"}`
      ),
      ...unmatched.map((name) => `FAILED: no test has the name of the exception ${name}`),
      ...report.failed.map((name) => `FAILED: ${name}`),
    ],
  };
}

function casesOf(junit: string): Case[] {
  const pattern = /<testcase name="([^"]*)"[^>]*>([\s\S]*?)<\/testcase>/g;
  return [...junit.matchAll(pattern)].map(([, name, content]) => ({
    name: unescape(name!),
    outcome: content!.includes("<failure")
      ? "failed"
      : content!.includes("<skipped")
      ? "ignored"
      : "passed",
  }));
}

function reasonOf(name: string, output: readonly string[]): string | undefined {
  const said = output.find((line) => line.startsWith(`not run: "${name}" (`));
  return said?.slice(said.indexOf(`" (`) + 3).replace(/\)$/, "") ??
    /\((needs .+)\)$/.exec(name)?.[1];
}

function unescape(text: string): string {
  const entities: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
  return text.replaceAll(/&(\w+);/g, (all, name: string) => entities[name] ?? all);
}

/** Returns a text without terminal colours. */
export function plain(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replaceAll(/\x1b\[[0-9;]*m/g, "");
}
