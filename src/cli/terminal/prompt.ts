import { interrupted } from "../../base/errors.ts";
import { writeErr } from "./console.ts";
import { SecretLine } from "./secret_line.ts";

/** Bytes of one read from the terminal; a terminal delivers a line of at most 4096 bytes at once. */
const READ_SIZE = 4096;

/** True if a user can answer: questions go to stderr, answers come from stdin. */
export function canAsk(): boolean {
  return Deno.stdin.isTerminal() && Deno.stderr.isTerminal();
}

/**
 * Asks for a line, which the terminal itself lets the user edit.
 * @param ended is shown in place of an answer if the input has ended
 * @returns undefined if the input has ended (Ctrl-D)
 * @throws LarderError LDR_INTERRUPTED
 */
export async function askLine(
  message: string,
  signal: AbortSignal,
  ended = "",
): Promise<string | undefined> {
  using _question = show(() => writeErr(`${message} `));
  let line = "";
  try {
    for await (const text of typed(signal)) {
      line += text;
      if (line.endsWith("\n")) return line.replace(/\r?\n$/, "");
    }
  } catch (error) {
    writeErr("\n"); // The error begins on a line of its own.
    throw error;
  }
  writeErr(`${line && "\n"}${ended}\n`);
  return undefined;
}

/** Returns true only for `y` or `yes`: Enter and Ctrl-D are a no. @throws LarderError LDR_INTERRUPTED */
export async function askYes(message: string, signal: AbortSignal): Promise<boolean> {
  const answer = await askLine(`${message} [y/N]`, signal, "no");
  return answer !== undefined && /^\s*y(?:es)?\s*$/i.test(answer);
}

/**
 * Asks for a secret, which is not shown as it is typed.
 * @returns undefined if the input has ended (Ctrl-D)
 * @throws LarderError LDR_INTERRUPTED
 */
export async function askSecret(message: string, signal: AbortSignal): Promise<string | undefined> {
  const line = new SecretLine();
  try {
    using _question = show(() => {
      Deno.stdin.setRaw(true); // Before the question, so that nothing typed after it is shown.
      writeErr(`${message} `);
    });
    for await (const keys of typed(signal)) {
      line.type(keys);
      if (line.end === "interrupt") throw stopped();
      if (line.end !== undefined) break;
    }
  } finally {
    Deno.stdin.setRaw(false);
    writeErr("\n");
  }
  return line.end === "enter" ? line.text : undefined;
}

/**
 * Shows a question, and shows it again whenever the process continues after Ctrl-Z: the shell has written below it and
 * set the modes of the terminal meanwhile.
 */
function show(question: () => void): Disposable {
  question();
  if (Deno.build.os === "windows") return { [Symbol.dispose]() {} };
  Deno.addSignalListener("SIGCONT", question);
  return { [Symbol.dispose]: () => Deno.removeSignalListener("SIGCONT", question) };
}

/** Yields what is typed until the input ends. @throws LarderError LDR_INTERRUPTED */
async function* typed(signal: AbortSignal): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(READ_SIZE);
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(stopped());
  signal.addEventListener("abort", onAbort);
  aborted.promise.catch(() => {}); // It may be rejected between two reads.
  if (signal.aborted) onAbort();
  try {
    for (;;) {
      const length = await Promise.race([Deno.stdin.read(buffer), aborted.promise]);
      if (length === null) return;
      yield decoder.decode(buffer.subarray(0, length), { stream: true });
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function stopped(): Error {
  return interrupted("nothing was changed; run the same command again to be asked again");
}
