// deno-lint-ignore-file no-console
import { type Ended, runTests } from "./process.ts";
import { judge, type Outcome } from "./report.ts";
import { ROOT } from "./test_files.ts";

/** Tests mostly wait for what they have started, so that two processes do them in little more than half the time. */
const PROCESSES = 2;

/** Test files, and what they are run with. */
export interface TestRun {
  /** Each of these lists of files is for a process of its own; the first are begun with first. */
  readonly parts: readonly (readonly string[])[];
  /** Further arguments of `deno test`. */
  readonly args?: readonly string[];
  /** Variables on top of {@link childEnvironment}. */
  readonly env?: Readonly<Record<string, string>>;
  /** Reasons for tests to be skipped, by name. */
  readonly exceptions?: Readonly<Record<string, string>>;
}

/**
 * Runs test files in several processes, some at once. What the first of these write is shown as it comes, what the
 * others write once they have ended.
 */
export async function denoTest(
  { parts, args = [], env = {}, exceptions }: TestRun,
): Promise<Outcome> {
  const queue = [...parts];
  const ended: Ended[] = [];
  const work = async (shown: boolean) => {
    for (let part; (part = queue.shift());) {
      const each = await runTests([...args, ...part], { cwd: ROOT, env, shown });
      ended.push(each);
      if (!shown) console.log(each.output);
    }
  };
  await Promise.all(Array.from({ length: PROCESSES }, (_, i) => work(i === 0)));
  const reports = ended.map(({ report }) => report);
  return judge(
    {
      passed: reports.reduce((sum, { passed }) => sum + passed, 0),
      failed: reports.flatMap(({ failed }) => failed),
      ignored: reports.flatMap(({ ignored }) => ignored),
    },
    ended.every(({ success }) => success),
    exceptions,
  );
}
