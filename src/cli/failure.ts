import { LarderError, messageOf } from "../base/errors.ts";
import { redact } from "../base/redact.ts";
import { BrokenPipe, writeErr } from "./console.ts";

/** Exit code of a command whose reader went away: 128 + SIGPIPE, as a shell reports it. */
const BROKEN_PIPE = 141;

/**
 * Says what failed, what to do, and with `verbose` why, and returns the exit code.
 * Anything that is not a LarderError is a bug of larder's and says so.
 */
export function reportFailure(error: unknown, verbose: boolean): number {
  if (error instanceof BrokenPipe) return BROKEN_PIPE;
  const known = error instanceof LarderError ? error : unexpected(error);
  const lines = [`error: ${known.message} [${known.code}]`, `hint: ${known.hint}`];
  if (verbose) {
    for (let cause = known.cause; cause !== undefined; cause = (cause as Error).cause) {
      const text = cause instanceof Error && known.code === "LDR_INTERNAL"
        ? cause.stack
        : undefined;
      lines.push(`cause: ${text ?? messageOf(cause)}`);
      if (!(cause instanceof Error)) break;
    }
  }
  writeErr(redact(lines.join("\n")) + "\n");
  return known.exitCode;
}

function unexpected(error: unknown): LarderError {
  return new LarderError("LDR_INTERNAL", `unexpected: ${messageOf(error)}`, {
    hint: "this is a bug in larder: please report it with what --verbose prints",
    cause: error,
  });
}
