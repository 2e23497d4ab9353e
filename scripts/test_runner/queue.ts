// deno-lint-ignore-file no-console
import { type ProcessResult, runTests } from "./process.ts";
import { type StepResult, summarize } from "./report.ts";
import { ROOT } from "./test_files.ts";

/** Number of processes. Tests often wait, for a child or a timer, so two leave one of two processors idle for a third of the time. */
const PROCESSES = 3;

/** Seconds from which a part is named at the end of a run: it may deserve a look, or to start earlier. */
const SLOW = 30;

/** Test files and how to run them. */
export interface TestRun {
  /** Lists of files, one for each process, in the order of their start. */
  readonly parts: readonly (readonly string[])[];
  /** Further arguments of `deno test`. */
  readonly args?: readonly string[];
  /** Variables on top of {@link childEnvironment}. */
  readonly env?: Readonly<Record<string, string>>;
  /** Reasons for tests to be skipped, by name. */
  readonly exceptions?: Readonly<Record<string, string>>;
}

/**
 * Runs test files in several concurrent processes. The output of the first of them is printed as it arrives, the
 * output of the others when they end.
 */
export async function denoTest(
  { parts, args = [], env = {}, exceptions }: TestRun,
): Promise<StepResult> {
  const queue = [...parts];
  const results: ProcessResult[] = [];
  const slow: string[] = [];
  const work = async (shown: boolean) => {
    for (let part; (part = queue.shift());) {
      const start = performance.now();
      const each = await runTests([...args, ...part], { cwd: ROOT, env, shown });
      const seconds = Math.round((performance.now() - start) / 1000);
      if (seconds >= SLOW) slow.push(`${String(seconds).padStart(4)} s: ${part.join(" ")}`);
      results.push(each);
      if (!shown) console.log(each.output);
    }
  };
  await Promise.all(Array.from({ length: PROCESSES }, (_, i) => work(i === 0)));
  for (const line of slow.sort().toReversed()) console.log(line);
  const reports = results.map(({ report }) => report);
  return summarize(
    {
      passed: reports.reduce((sum, { passed }) => sum + passed, 0),
      failed: reports.flatMap(({ failed }) => failed),
      ignored: reports.flatMap(({ ignored }) => ignored),
    },
    results.every(({ success }) => success),
    exceptions,
  );
}
