import { LarderError, messageOf } from "../base/errors.ts";
import { redact } from "../base/redact.ts";
import { BrokenPipe, writeErr } from "./terminal/console.ts";
import { DetailedError } from "./errors.ts";

/** Exit code of a command whose reader went away: 128 + SIGPIPE, as a shell reports it. */
const BROKEN_PIPE = 141;

/**
 * Says what failed, what to do, and with `verbose` why, and returns the exit code.
 * Anything that is not a LarderError is a bug of larder's and says so.
 */
export function reportFailure(error: unknown, verbose: boolean): number {
  if (error instanceof BrokenPipe) return BROKEN_PIPE;
  const known = error instanceof LarderError ? error : unexpected(error);
  const details = known instanceof DetailedError ? known.details : [];
  const lines = [`error: ${known.message} [${known.code}]`, ...details, `hint: ${known.hint}`];
  if (verbose) {
    for (const cause of causesOf(known)) {
      const text = cause instanceof Error && known.code === "LDR_INTERNAL"
        ? cause.stack
        : undefined;
      lines.push(`cause: ${text ?? messageOf(cause)}`);
    }
  }
  try {
    writeErr(redact(lines.join("\n")) + "\n");
  } catch (gone) {
    if (!(gone instanceof BrokenPipe)) throw gone; // Nobody is left to be told.
  }
  return known.exitCode;
}

/** The causes of an error from the nearest to the first, each once. */
function causesOf(error: Error): Set<unknown> {
  const causes = new Set<unknown>();
  let current: unknown = error;
  while (current instanceof Error && current.cause !== undefined && !causes.has(current.cause)) {
    current = current.cause;
    causes.add(current);
  }
  return causes;
}

function unexpected(error: unknown): LarderError {
  return new LarderError("LDR_INTERNAL", `unexpected: ${messageOf(error)}`, {
    hint: "this is a bug in larder: please report it with what --verbose prints",
    cause: error,
  });
}
