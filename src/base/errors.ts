/**
 * Every way larder can fail, as a stable code, and the exit code that each means.
 *
 * Scripts match on codes, so a code is never renamed or given another meaning once released.
 */
export const ERROR_CODES = {
  LDR_INTERNAL: 1,
  LDR_UNSUPPORTED_MANIFEST: 1,
  LDR_BAD_MANIFEST: 1,
  LDR_BAD_ARCHIVE: 1,
  LDR_BAD_RESPONSE: 1,
  LDR_REDIRECT: 1,
  LDR_CREDENTIAL_HELPER: 1,
  LDR_BUSY: 1,
  LDR_NOT_RUNNABLE: 1,
  LDR_BAD_WASM: 1,
  LDR_UNSUPPORTED_WASM: 1,
  LDR_GUEST: 1,
  LDR_ENGINE: 1,
  LDR_LISTEN: 1,
  LDR_USAGE: 2,
  LDR_CONFIG: 2,
  LDR_BAD_REFERENCE: 2,
  LDR_BAD_SPIN_MANIFEST: 2,
  LDR_NOT_FOUND: 3,
  LDR_NOT_CACHED: 3,
  LDR_NO_PLATFORM: 3,
  LDR_UNAUTHORIZED: 4,
  LDR_FORBIDDEN: 4,
  LDR_DIGEST_MISMATCH: 5,
  LDR_SIZE_MISMATCH: 5,
  LDR_UNREACHABLE: 6,
  LDR_DNS: 6,
  LDR_TIMEOUT: 6,
  LDR_RATE_LIMITED: 6,
  LDR_SERVER_ERROR: 6,
  LDR_TLS: 6,
  LDR_DISK: 7,
  LDR_DISK_FULL: 7,
  LDR_READ_ONLY: 7,
  LDR_PERMISSION: 7,
  LDR_INTERRUPTED: 130,
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/** Controls of the terminal, line ends of every kind, and what turns the direction of writing. */
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]+/gu;

/** The most that a server's own words take of a message. */
const MAX_EXCERPT = 200;

/**
 * A failure that a user can act on: what failed and on what, what to do, and a stable code.
 *
 * Invariant: the message is one line that a terminal can be sent, whatever a server put into it.
 */
export class LarderError extends Error {
  override readonly name = "LarderError";
  readonly code: ErrorCode;
  /** What to do about it, as one sentence without a full stop. */
  readonly hint: string;

  constructor(code: ErrorCode, message: string, options: { hint: string; cause?: unknown }) {
    super(printable(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }

  get exitCode(): number {
    return ERROR_CODES[this.code];
  }
}

/** Whether `error` is a LarderError with one of these codes. */
export function hasCode(error: unknown, ...codes: ErrorCode[]): error is LarderError {
  return error instanceof LarderError && codes.includes(error.code);
}

/** The one-line text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return printable((error instanceof Error ? error.message : String(error)).split("\n", 1)[0]!);
}

/** A server's own words as a part of a message: short and printable. */
export function excerpt(text: string): string {
  const shown = printable(text);
  return shown.length <= MAX_EXCERPT ? shown : `${shown.slice(0, MAX_EXCERPT)}…`;
}

/** A text as one line without anything that steers a terminal. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, " ");
}

/** The error that an aborted operation ends with. */
export function interrupted(): LarderError {
  return new LarderError("LDR_INTERRUPTED", "interrupted", {
    hint: "run the same command again: partial downloads were kept and continue where they stopped",
  });
}

/** Throws {@link interrupted} if the signal has been raised. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw interrupted();
}
