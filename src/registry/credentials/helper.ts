import * as v from "valibot";
import { MAX_DOCUMENT } from "../../base/limits.ts";
import { hasCode, LarderError, messageOf, throwIfAborted } from "../../base/errors.ts";
import { type ProgramResult, runProgram } from "../../base/programs.ts";
import { credentialOf, type HelperCall } from "./docker_config.ts";
import type { Credential } from "./credential.ts";

/** A credential helper that says nothing for so long is given up. */
const HELPER_TIMEOUT = 60_000;

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

type Ended = Extract<ProgramResult, { ended: true }>;

/** Runs the helper; what it has to tell the user goes to stderr. */
async function converse(program: string, input: string, options: HelperOptions): Promise<Ended> {
  const { timeout = HELPER_TIMEOUT, signal } = options;
  const answer = await runProgram(program, {
    args: ["get"],
    input,
    stderr: "inherit",
    timeout,
    limit: MAX_DOCUMENT,
    signal,
  }).catch((error) => {
    if (hasCode(error, "LDR_INTERRUPTED")) throw error;
    const reason = error instanceof Deno.errors.NotFound
      ? "is not installed"
      : `cannot be started: ${messageOf(error)}`;
    throw failed(program, options, reason, error);
  });
  if (!answer.ended) throw failed(program, options, answer.reason);
  return answer;
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
