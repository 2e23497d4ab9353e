import { join } from "node:path";
import process from "node:process";
import { hasProgram } from "../../tests/support/cli/commands.ts";
import { childEnvironment } from "../../tests/support/cli/environment.ts";
import { plain, readReport, type Report } from "./report.ts";

/** Milliseconds without output after which tests count as hanging. The longest tests take two minutes. */
const SILENCE_LIMIT = 5 * 60_000;
const LAST_LINES = 10;

export interface TestProcess {
  readonly cwd: string;
  /** Variables on top of {@link childEnvironment}. */
  readonly env?: Readonly<Record<string, string>>;
  /** True to print the output as it arrives. */
  readonly shown: boolean;
  /** Milliseconds without output after which the process is killed. */
  readonly silenceLimit?: number;
}

/** The result of a process of `deno test`. */
export interface ProcessResult {
  readonly success: boolean;
  readonly output: string;
  readonly report: Report;
}

/** Runs `deno test` with these arguments. A process that hangs is killed and counts as a failed test. */
export async function runTests(
  args: readonly string[],
  options: TestProcess,
): Promise<ProcessResult> {
  const folder = Deno.makeTempDirSync();
  const [junit, temporary] = ["junit.xml", "tmp"].map((name) => join(folder, name)) as [
    string,
    string,
  ];
  Deno.writeTextFileSync(junit, "");
  Deno.mkdirSync(temporary);
  const deno = [Deno.execPath(), "test", "-A", "--no-check", "--frozen", `--junit-path=${junit}`];
  try {
    const [program, ...rest] = [...inMemory(temporary), ...deno, ...args];
    const child = new Deno.Command(program!, {
      args: rest,
      cwd: options.cwd,
      clearEnv: true,
      env: childEnvironment({ TMPDIR: temporary, ...options.env }),
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
    Deno.removeSync(folder, { recursive: true });
  }
}

/** Memory that must be free for temporary files: the tests of a process need less than a tenth of it. */
const ENOUGH_MEMORY = 4 * 1024 ** 3;

let canMount: boolean | undefined;

/**
 * Returns a command that runs another with this folder in memory until it ends, nothing where that is not possible:
 * tests that flush many files take three times as long on a busy disk.
 */
function inMemory(folder: string): string[] {
  const { available } = Deno.systemMemoryInfo();
  if (Deno.build.os !== "linux" || Deno.uid() !== 0 || available < ENOUGH_MEMORY) return [];
  const script = 'mount -t tmpfs tmpfs "$0" && exec "$@"';
  const command = ["--mount", "sh", "-c", script, folder];
  canMount ??= hasProgram("unshare") &&
    new Deno.Command("unshare", { args: [...command, "true"], stderr: "null" }).outputSync()
      .success;
  return canMount ? ["unshare", ...command] : [];
}

/** True for the reminder that Deno prints after 1, 2, 4 … minutes of a test. */
function isReminder(text: string): boolean {
  return /^\s*'.*' has been running for over \(.*\)\s*$/.test(plain(text));
}

/** Reads the output of a process, and kills the process once it has been silent for too long. */
async function listen(
  child: Deno.ChildProcess,
  { shown, silenceLimit = SILENCE_LIMIT }: TestProcess,
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
      // It has already ended.
    }
    // Its children may still run and keep the pipes open.
    for (const { reader } of streams) void reader.cancel();
  };
  let watch = setTimeout(end, silenceLimit);
  await Promise.all(streams.map(async (stream) => {
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await stream.reader.read();
      if (done) return;
      const text = decoder.decode(value, { stream: true });
      if (!isReminder(text)) {
        clearTimeout(watch);
        watch = setTimeout(end, silenceLimit);
      }
      stream.text += text;
      if (shown) stream.ours.write(value);
    }
  }));
  clearTimeout(watch);
  return { output: streams.map(({ text }) => text).join("\n"), hangs };
}
