import { interrupted, LarderError, messageOf } from "../../base/errors.ts";
import type { CommandLine } from "./sandbox.ts";

/** Milliseconds that the processes of a command have to end after SIGTERM, before they are killed. */
const GRACE = 2000;

/** Milliseconds that the output is read after the command has ended, if a process that left its group keeps it open. */
const DRAIN = 1000;

/** How a command ended. */
export interface CommandEnd {
  readonly code: number;
  /** The signal that ended it. */
  readonly signal: string | undefined;
  /** Milliseconds that it took. */
  readonly duration: number;
}

/**
 * Runs a command in a process group of its own, with no input. All its processes have ended when this returns.
 *
 * @param onOutput receives what it writes to stdout and stderr, in the order in which it does
 * @throws LarderError LDR_INTERRUPTED after all processes were ended; LDR_BUILD if it cannot be started
 */
export async function runCommand(
  line: CommandLine,
  onOutput: (bytes: Uint8Array) => void,
  signal?: AbortSignal,
): Promise<CommandEnd> {
  const started = performance.now();
  const child = start(line);
  const readers = [child.stdout.getReader(), child.stderr.getReader()];
  let killing: ReturnType<typeof setTimeout> | undefined;
  const stop = () => {
    endGroup(child, "SIGTERM");
    killing = setTimeout(() => endGroup(child, "SIGKILL"), GRACE);
  };
  if (signal?.aborted) stop();
  signal?.addEventListener("abort", stop, { once: true });
  try {
    const output = Promise.all(readers.map((reader) => pump(reader, onOutput)));
    output.catch(() => endGroup(child, "SIGKILL")); // The reader of larder's own output is gone.
    const { code, signal: ending } = await child.status;
    const duration = performance.now() - started;
    endGroup(child, "SIGKILL"); // Those that it left in the background.
    const timer = setTimeout(() => readers.forEach((reader) => void reader.cancel()), DRAIN);
    await output.finally(() => clearTimeout(timer));
    if (signal?.aborted) throw interrupted("run the same command again; nothing was stored");
    return { code, signal: ending ?? undefined, duration };
  } finally {
    clearTimeout(killing);
    signal?.removeEventListener("abort", stop);
  }
}

function start({ program, args, env, cwd }: CommandLine): Deno.ChildProcess {
  try {
    return new Deno.Command(program, {
      args: [...args],
      cwd,
      clearEnv: true,
      env: { ...env },
      detached: Deno.build.os !== "windows",
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    throw new LarderError("LDR_BUILD", `cannot start ${program}: ${messageOf(error)}`, {
      hint: "check that the program is installed",
      cause: error,
    });
  }
}

async function pump(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  onOutput: (bytes: Uint8Array) => void,
): Promise<void> {
  for (let part = await reader.read(); !part.done; part = await reader.read()) onOutput(part.value);
}

/** Sends a signal to all processes of a command; on Windows, which has no groups, to the first. */
function endGroup(child: Deno.ChildProcess, name: Deno.Signal): void {
  try {
    if (Deno.build.os === "windows") child.kill(name);
    else Deno.kill(-child.pid, name);
  } catch {
    // They have ended.
  }
}
