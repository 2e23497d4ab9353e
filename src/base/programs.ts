import { interrupted } from "./errors.ts";

export interface ProgramOptions {
  readonly args: readonly string[];
  /** What it reads from stdin. */
  readonly input?: string;
  /** Where goes what it tells the user itself. */
  readonly stderr: "inherit" | "null";
  /** Milliseconds. */
  readonly timeout: number;
  /** The most that it may write to stdout, in bytes. */
  readonly limit: number;
  readonly signal?: AbortSignal | undefined;
}

/** What a program answered, or why it was given up. */
export type ProgramResult =
  | {
    readonly ended: true;
    readonly success: boolean;
    readonly code: number;
    readonly stdout: string;
  }
  | { readonly ended: false; readonly reason: string };

/**
 * Runs a program to its end, or to the end of our patience. No shell is involved.
 * @throws the operating system's error if it cannot be started; LarderError LDR_INTERRUPTED
 */
export async function runProgram(program: string, options: ProgramOptions): Promise<ProgramResult> {
  const { args, input = "", stderr, timeout, limit, signal } = options;
  const pipes = { stdin: "piped", stdout: "piped", stderr } as const;
  const child = new Deno.Command(program, { args: [...args], ...pipes }).spawn();
  const reader = child.stdout.getReader();
  let timedOut = false;
  const stop = () => {
    kill(child);
    // Its own children may still hold the pipe.
    reader.cancel().catch(() => {});
  };
  const timer = setTimeout(() => {
    timedOut = true;
    stop();
  }, timeout);
  signal?.addEventListener("abort", stop, { once: true });
  try {
    const [stdout] = await Promise.all([readAll(reader, limit), feed(child.stdin, input)]);
    if (stdout === undefined) stop();
    const { success, code } = await child.status;
    if (signal?.aborted) throw interrupted();
    if (timedOut) return { ended: false, reason: `was not done after ${timeout / 1000} s` };
    if (stdout === undefined) return { ended: false, reason: "answered without end" };
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
    // It has ended by itself.
  }
}

async function feed(stdin: WritableStream<Uint8Array>, text: string): Promise<void> {
  const writer = stdin.getWriter();
  try {
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
  } catch {
    // It ended without listening; its answer tells why.
  }
}

/** All of a stream as text; undefined if there is more than the limit. */
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
