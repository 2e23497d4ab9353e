import { join } from "node:path";
import { type Ended, runTests } from "./process.ts";
import { judge, type Outcome } from "./report.ts";
import { ROOT } from "./test_files.ts";

/** Tests mostly wait for what they have started, so that two processes do them in little more than half the time. */
const PROCESSES = 2;

/** Bytes of test files that are worth a process of their own; to start one takes half a second. */
const PART = 40_000;

/** Test files, and what they are run with. */
export interface TestRun {
  readonly files: readonly string[];
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
  { files, args = [], env = {}, exceptions }: TestRun,
): Promise<Outcome> {
  const queue = parts(files);
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
/** Groups of files, each for a process of its own, in the same order. */
function parts(files: readonly string[]): string[][] {
  const all: string[][] = [];
  let size = PART;
  for (const path of files) {
    if (size >= PART) {
      all.push([]);
      size = 0;
    }
    all.at(-1)!.push(path);
    size += Deno.statSync(join(ROOT, path)).size;
  }
  return all;
}
