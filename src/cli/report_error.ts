import { LarderError, messageOf } from "../base/errors.ts";
import { redact } from "../base/redact.ts";
import { encodingError, specialPathError } from "../base/files/system_error.ts";
import { BrokenPipe, writeErr } from "./terminal/console.ts";
import { stylerOf } from "./terminal/style.ts";
import { DetailedError } from "./errors.ts";

/** Exit code of a command whose output pipe was closed: 128 + SIGPIPE, as a shell reports it. */
const BROKEN_PIPE = 141;

/**
 * Prints an error with its hint, and its causes if `verbose`, and returns the exit code. Any other error than a
 * LarderError is reported as a bug of larder.
 */
export function reportFailure(error: unknown, verbose: boolean): number {
  if (error instanceof BrokenPipe) return BROKEN_PIPE;
  const known = error instanceof LarderError
    ? error
    : specialPathError(error) ?? encodingError(error) ?? unexpected(error);
  const details = known instanceof DetailedError ? known.details : [];
  const paint = stylerOf(Deno.stderr);
  const lines = [
    `${paint("error:", "red")} ${known.message} [${known.code}]`,
    ...details,
    `${paint("hint:", "cyan")} ${known.hint}`,
  ];
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
  } catch (failure) {
    if (!(failure instanceof BrokenPipe)) throw failure;
  }
  return known.exitCode;
}

/** Returns the causes of an error, the direct one first, each once. */
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
