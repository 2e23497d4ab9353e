import * as v from "valibot";
import { HELPER_TIMEOUT, MAX_DOCUMENT } from "../base/defaults.ts";
import { interrupted, LarderError, messageOf, throwIfAborted } from "../base/errors.ts";
import { credentialOf, type HelperCall } from "./credential_files.ts";
import type { Credential } from "./credential.ts";

const HELPER_NAME = /^[A-Za-z0-9_.-]+$/;
const NOT_FOUND = /credentials not found/i;
const MAX_DETAIL = 200;

const AnswerSchema = v.object({ Username: v.string(), Secret: v.string() });

export interface HelperOptions {
  /** The file that names the helper, for messages. */
  readonly namedIn: string;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds. */
  readonly timeout?: number | undefined;
}

/**
 * Asks `docker-credential-NAME get`: the server's name goes in, JSON comes out. No shell is involved.
 *
 * Source: docker-credential-helpers.
 *
 * @returns undefined if the helper has none for that server
 * @throws LarderError LDR_CREDENTIAL_HELPER
 */
export async function askHelper(
  { helper, server }: HelperCall,
  options: HelperOptions,
): Promise<Credential | undefined> {
  throwIfAborted(options.signal);
  if (!HELPER_NAME.test(helper)) {
    throw failed("a helper", options, `has the name ${JSON.stringify(helper)}, which is none`);
  }
  const program = `docker-credential-${helper}`;
  const { success, code, stdout } = await converse(program, server, options);
  if (NOT_FOUND.test(stdout) && !stdout.startsWith("{")) return undefined;
  if (!success) throw failed(program, options, `ended with status ${code}${detail(stdout)}`);
  const answer = parseAnswer(stdout);
  if (!answer) throw failed(program, options, "answered with something that is no credential");
  return credentialOf(answer.Username, answer.Secret, `${program}, named in ${options.namedIn}`);
}

interface Outcome {
  readonly success: boolean;
  readonly code: number;
  readonly stdout: string;
}

/** Runs the helper to its end, or to the end of our patience. What it has to tell the user goes to stderr. */
async function converse(program: string, input: string, options: HelperOptions): Promise<Outcome> {
  const child = start(program, options);
  const reader = child.stdout.getReader();
  const timeout = options.timeout ?? HELPER_TIMEOUT;
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
  options.signal?.addEventListener("abort", stop, { once: true });
  try {
    const [stdout] = await Promise.all([readAll(reader), feed(child.stdin, input)]);
    if (stdout === undefined) stop();
    const { success, code } = await child.status;
    if (options.signal?.aborted) throw interrupted();
    if (timedOut) throw failed(program, options, `was not done after ${timeout / 1000} s`);
    if (stdout === undefined) throw failed(program, options, "answered without end");
    return { success, code, stdout: stdout.trim() };
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", stop);
  }
}

function start(program: string, options: HelperOptions): Deno.ChildProcess {
  try {
    const pipes = { stdin: "piped", stdout: "piped", stderr: "inherit" } as const;
    return new Deno.Command(program, { args: ["get"], ...pipes }).spawn();
  } catch (error) {
    const reason = error instanceof Deno.errors.NotFound
      ? "is not installed"
      : `cannot be started: ${messageOf(error)}`;
    throw failed(program, options, reason, error);
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

/** All of a stream as text; undefined if there is more than a document's worth. */
async function readAll(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<string | undefined> {
  const decoder = new TextDecoder();
  let text = "";
  for (let length = 0;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    length += value.length;
    if (length > MAX_DOCUMENT) return undefined;
    text += decoder.decode(value, { stream: true });
  }
}

function parseAnswer(stdout: string): v.InferOutput<typeof AnswerSchema> | undefined {
  try {
    const result = v.safeParse(AnswerSchema, JSON.parse(stdout));
    return result.success ? result.output : undefined;
  } catch {
    return undefined;
  }
}

/** A helper's own error message, which it writes to stdout; never a credential that it wrote there. */
function detail(stdout: string): string {
  // deno-lint-ignore no-control-regex
  const line = (stdout.split("\n", 1)[0] ?? "").replace(/[\x00-\x1f\x7f]+/g, " ");
  return line === "" || line.includes("{") ? "" : `: ${line.slice(0, MAX_DETAIL)}`;
}

function failed(
  program: string,
  options: HelperOptions,
  what: string,
  cause?: unknown,
): LarderError {
  return new LarderError(
    "LDR_CREDENTIAL_HELPER",
    `the credential helper ${program}, named in ${options.namedIn}, ${what}`,
    { hint: "mend or install the helper, or take its name out of that file", cause },
  );
}
