import * as v from "valibot";
import { hasCode, LarderError, messageOf, throwIfAborted } from "../../base/errors.ts";
import { MAX_DOCUMENT } from "../../base/limits.ts";
import { type ProgramResult, runProgram } from "../../base/programs.ts";
import type { Credential } from "./credential.ts";
import { credentialOf, type HelperCall } from "./docker_config.ts";

/** Milliseconds that a credential helper may take. */
const HELPER_TIMEOUT = 60_000;

const HELPER_NAME = /^[A-Za-z0-9_.-]+$/;

/** The message of docker-credential-helpers for a server without credentials. */
const NOT_FOUND = /credentials not found/i;

/** Characters of a helper's message that an error quotes. */
const MAX_DETAIL = 200;

/** Some helpers answer `{}` if they have no credentials. */
const OutputSchema = v.object({
  Username: v.nullish(v.string(), ""),
  Secret: v.nullish(v.string(), ""),
});

export interface HelperOptions {
  /** The file that names the helper, for messages. */
  readonly namedIn: string;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds. */
  readonly timeout?: number | undefined;
}

/**
 * Runs `docker-credential-NAME get` without a shell: writes the server's name to stdin and reads JSON from stdout.
 *
 * Source: docker-credential-helpers.
 *
 * @returns undefined if the helper has no credentials for that server
 * @throws LarderError LDR_CREDENTIAL_HELPER, LDR_INTERRUPTED
 */
export async function askHelper(
  { helper, server }: HelperCall,
  options: HelperOptions,
): Promise<Credential | undefined> {
  throwIfAborted(options.signal);
  if (!HELPER_NAME.test(helper)) {
    throw failed(JSON.stringify(helper), options, "has an invalid name");
  }
  const program = `docker-credential-${helper}`;
  const { success, code, stdout } = await runHelper(program, server, options);
  if (NOT_FOUND.test(stdout) && !stdout.startsWith("{")) return undefined;
  if (!success) throw failed(program, options, `ended with status ${code}${detail(stdout)}`);
  if (stdout === "") return undefined;
  const output = parseOutput(stdout);
  if (!output) throw failed(program, options, "returned no credential in JSON");
  return credentialOf(output.Username, output.Secret, `${program}, named in ${options.namedIn}`);
}

type Ended = Extract<ProgramResult, { ended: true }>;

/** Runs a helper, whose messages to the user go to stderr. */
async function runHelper(program: string, input: string, options: HelperOptions): Promise<Ended> {
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

function parseOutput(stdout: string): v.InferOutput<typeof OutputSchema> | undefined {
  try {
    const result = v.safeParse(OutputSchema, JSON.parse(stdout));
    return result.success ? result.output : undefined;
  } catch {
    return undefined;
  }
}

/** Returns a helper's error message, which it writes to stdout, but never a credential. */
function detail(stdout: string): string {
  // deno-lint-ignore no-control-regex
  const line = (stdout.split("\n", 1)[0] ?? "").replace(/[\x00-\x1f\x7f]+/g, " ");
  return line === "" || line.includes("{") ? "" : `: ${line.slice(0, MAX_DETAIL)}`;
}

function failed(
  program: string,
  options: HelperOptions,
  problem: string,
  cause?: unknown,
): LarderError {
  return new LarderError(
    "LDR_CREDENTIAL_HELPER",
    `the credential helper ${program}, named in ${options.namedIn}, ${problem}`,
    { hint: "install or fix the helper, or remove its name from that file", cause },
  );
}
