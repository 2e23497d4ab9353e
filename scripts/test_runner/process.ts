import process from "node:process";
import { childEnvironment } from "../../tests/support/cli/environment.ts";
import { plain, readReport, type Report } from "./report.ts";

/** Tests that print nothing for so long, in milliseconds, hang: the longest of them take a minute or two. */
const PATIENCE = 5 * 60_000;
const LAST_LINES = 10;

export interface TestProcess {
  readonly cwd: string;
  /** Variables on top of {@link childEnvironment}. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether the output is shown as it comes. */
  readonly shown: boolean;
  /** Milliseconds without output after which the process is killed. */
  readonly patience?: number;
}

/** What a process of `deno test` came to. */
export interface Ended {
  readonly success: boolean;
  readonly output: string;
  readonly report: Report;
}

/** Runs `deno test` with these arguments to its end. One that hangs is killed, and counts as a test that failed. */
export async function runTests(args: readonly string[], options: TestProcess): Promise<Ended> {
  const junit = Deno.makeTempFileSync();
  try {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["test", "-A", "--no-check", "--frozen", `--junit-path=${junit}`, ...args],
      cwd: options.cwd,
      clearEnv: true,
      env: childEnvironment(options.env),
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const { output, hangs } = await listen(child, options);
    const { success } = await child.status;
    const lines = plain(output).split("\n").map((line) => line.trimEnd());
    const report = readReport(Deno.readTextFileSync(junit), lines);
    if (!hangs) return { success, output, report };
    const last = lines.filter((line) => line !== "").slice(-LAST_LINES);
    const name = ["tests that hang, whose last lines are", ...last].join("\n  ");
    return { success, output, report: { ...report, failed: [...report.failed, name] } };
  } finally {
    Deno.removeSync(junit);
  }
}

/** Whether this is only what Deno writes after 1, 2, 4 … minutes of a test. */
function isReminder(text: string): boolean {
  return /^\s*'.*' has been running for over \(.*\)\s*$/.test(plain(text));
}

/** Reads all that a process writes; kills it once it has been silent for too long. */
async function listen(
  child: Deno.ChildProcess,
  { shown, patience = PATIENCE }: TestProcess,
): Promise<{ output: string; hangs: boolean }> {
  const streams = [
    { reader: child.stdout.getReader(), ours: process.stdout, text: "" },
    { reader: child.stderr.getReader(), ours: process.stderr, text: "" },
  ];
  let hangs = false;
  const end = () => {
    hangs = true;
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    // What it has started may live on, and hold the other ends.
    for (const { reader } of streams) void reader.cancel();
  };
  let watch = setTimeout(end, patience);
  await Promise.all(streams.map(async (stream) => {
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await stream.reader.read();
      if (done) return;
      const text = decoder.decode(value, { stream: true });
      if (!isReminder(text)) {
        clearTimeout(watch);
        watch = setTimeout(end, patience);
      }
      stream.text += text;
      if (shown) stream.ours.write(value);
    }
  }));
  clearTimeout(watch);
  return { output: streams.map(({ text }) => text).join("\n"), hangs };
}
