import { interrupted, LarderError, messageOf } from "../../base/errors.ts";
import type { CommandLine } from "./sandbox.ts";

const IS_WINDOWS = Deno.build.os === "windows";

/** Milliseconds that the processes of a command have to end after SIGTERM, before they are killed. */
const GRACE = 2000;

/** Milliseconds that the output is read after the command has ended, if a process that left its group keeps it open. */
const DRAIN = 1000;

/**
 * Starts a command as the leader of its group. Before it does, starts a process that kills the group once larder has
 * ended, however that ends: its end of a pipe, the shell's stdin, is then closed. That process is no child of the
 * command, which may wait for all of its own, and outlasts the SIGTERM that ends the others.
 *
 * The command gets the modes that new files have by default on most systems, whatever the user's own are. One pipe for
 * both streams keeps the lines in the order in which they were written.
 */
const LAUNCHER = `
exec 3<&0 </dev/null
( { trap '' HUP INT TERM; read -r _ <&3; kill -s KILL -- "-$$"; } >/dev/null 2>&1 & )
exec 3<&-
umask 022
exec "$@" 2>&1`;

/** How a command ended. */
export interface CommandEnd {
  readonly code: number;
  /** The signal that ended it. */
  readonly signal: string | undefined;
  /** Milliseconds that it took. */
  readonly duration: number;
}

/**
 * Runs a command in a process group of its own, with no input. All processes of the group have ended when this returns,
 * and do not outlive larder if that is killed, except on Windows.
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
    if (!IS_WINDOWS) await child.stdin.close().catch(() => {});
    clearTimeout(killing);
    signal?.removeEventListener("abort", stop);
  }
}

function start({ program, args, env, cwd }: CommandLine): Deno.ChildProcess {
  const command = [program, ...args];
  const [first, ...rest] = IS_WINDOWS ? command : ["/bin/sh", "-c", LAUNCHER, "sh", ...command];
  try {
    return new Deno.Command(first!, {
      args: rest,
      cwd,
      clearEnv: true,
      env: { ...env },
      detached: !IS_WINDOWS,
      stdin: IS_WINDOWS ? "null" : "piped",
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
    if (IS_WINDOWS) child.kill(name);
    else Deno.kill(-child.pid, name);
  } catch {
    // They have ended.
  }
}
