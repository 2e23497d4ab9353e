import { interrupted } from "./errors.ts";
import { formatBytes } from "./units.ts";

export interface ProgramOptions {
  readonly args: readonly string[];
  /** Text written to its stdin. */
  readonly input?: string;
  /** Whether the user sees its stderr. */
  readonly stderr: "inherit" | "null";
  /** Milliseconds after which it is killed. */
  readonly timeout: number;
  /** Bytes that it may write to stdout. */
  readonly limit: number;
  readonly signal?: AbortSignal | undefined;
}

/** The exit and output of a program, or the reason why it was killed. */
export type ProgramResult =
  | {
    readonly ended: true;
    readonly success: boolean;
    readonly code: number;
    readonly stdout: string;
  }
  | { readonly ended: false; readonly reason: string };

/**
 * Runs a program without a shell, and kills it at the timeout, at the output limit or on an interrupt.
 * @throws LarderError LDR_INTERRUPTED
 * @throws the operating system's error if the program cannot be started
 */
export async function runProgram(program: string, options: ProgramOptions): Promise<ProgramResult> {
  const { args, input = "", stderr, timeout, limit, signal } = options;
  const pipes = { stdin: "piped", stdout: "piped", stderr } as const;
  const child = new Deno.Command(program, { args: [...args], ...pipes }).spawn();
  const reader = child.stdout.getReader();
  let timedOut = false;
  const stop = () => {
    kill(child);
    // Its child processes may keep the pipe open.
    reader.cancel().catch(() => {});
  };
  const timer = setTimeout(() => {
    timedOut = true;
    stop();
  }, timeout);
  signal?.addEventListener("abort", stop, { once: true });
  try {
    const [stdout] = await Promise.all([readAll(reader, limit), writeInput(child.stdin, input)]);
    if (stdout === undefined) stop();
    const { success, code } = await child.status;
    if (signal?.aborted) throw interrupted();
    if (timedOut) return { ended: false, reason: `did not finish within ${timeout / 1000} s` };
    if (stdout === undefined) {
      return { ended: false, reason: `wrote more than ${formatBytes(limit)}` };
    }
    return { ended: true, success, code, stdout: stdout.trim() };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has already exited.
  }
}

async function writeInput(stdin: WritableStream<Uint8Array>, text: string): Promise<void> {
  const writer = stdin.getWriter();
  try {
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
  } catch {
    // It exited without reading its input; its output says why.
  }
}

/** Reads a stream as text; returns undefined if it has more than `limit` bytes. */
async function readAll(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  limit: number,
): Promise<string | undefined> {
  const decoder = new TextDecoder();
  let text = "";
  for (let length = 0;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    length += value.length;
    if (length > limit) return undefined;
    text += decoder.decode(value, { stream: true });
  }
}
