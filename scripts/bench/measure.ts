import { childEnvironment } from "../../tests/support/cli/environment.ts";

/** A program to measure. */
export interface Contender {
  readonly name: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Restores the state before each run; not measured. */
  readonly prepare?: () => void;
}

export interface Measured {
  readonly name: string;
  /** Seconds of each run. */
  readonly seconds: readonly number[];
  /** Largest peak of resident memory of any run, in bytes. */
  readonly peak: number;
}

/** Milliseconds between two reads of a process's memory. */
const MEMORY_POLL = 10;

/**
 * Runs every contender `rounds` times in turn (A B C A B C …), after one round of warm-up unless `warmUp` is false, so
 * that a change in the machine's speed affects all of them.
 */
export async function race(
  contenders: readonly Contender[],
  rounds: number,
  warmUp = true,
): Promise<Measured[]> {
  const seconds = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  const peaks = new Map<string, number>();
  for (let round = warmUp ? 0 : 1; round <= rounds; round++) {
    for (const contender of contenders) {
      const run = await runOnce(contender);
      peaks.set(contender.name, Math.max(peaks.get(contender.name) ?? 0, run.peak));
      if (round > 0) seconds.get(contender.name)!.push(run.seconds);
    }
  }
  return contenders.map(({ name }) => ({
    name,
    seconds: seconds.get(name)!,
    peak: peaks.get(name)!,
  }));
}

async function runOnce(contender: Contender): Promise<{ seconds: number; peak: number }> {
  contender.prepare?.();
  const [program, ...args] = contender.command;
  const start = performance.now();
  const child = new Deno.Command(program!, {
    args,
    clearEnv: true,
    env: childEnvironment(contender.env),
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let peak = 0;
  const poll = setInterval(() => peak = Math.max(peak, peakMemory(child.pid)), MEMORY_POLL);
  const { code, stderr } = await child.output();
  const seconds = (performance.now() - start) / 1000;
  clearInterval(poll);
  if (code === 0) return { seconds, peak };
  const said = new TextDecoder().decode(stderr);
  throw new Error(`${contender.command.join(" ")} ended with ${code}: ${said}`);
}

/** Returns the peak of resident memory in bytes (proc(5), VmHWM), or 0 if the process has ended. */
function peakMemory(pid: number): number {
  try {
    const match = /^VmHWM:\s+(\d+) kB$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`));
    return Number(match?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
