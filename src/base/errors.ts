/**
 * Error codes, each with its exit code.
 *
 * Scripts match on codes, so a released code is never renamed and never changes its meaning.
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
  LDR_KEPT: 1,
  LDR_INCOMPLETE: 1,
  LDR_NOT_RUNNABLE: 1,
  LDR_BAD_WASM: 1,
  LDR_UNSUPPORTED_WASM: 1,
  LDR_GUEST: 1,
  LDR_ENGINE: 1,
  LDR_LISTEN: 1,
  LDR_BUILD: 1,
  LDR_INPUT_CHANGED: 1,
  LDR_BAD_INDEX: 1,
  LDR_USAGE: 2,
  LDR_CONFIG: 2,
  LDR_BAD_REFERENCE: 2,
  LDR_BAD_SPIN_MANIFEST: 2,
  LDR_BAD_LOCK: 2,
  LDR_BAD_SPEC: 2,
  LDR_BAD_LIST: 2,
  LDR_NOT_FOUND: 3,
  LDR_NOT_CACHED: 3,
  LDR_NO_PLATFORM: 3,
  LDR_NOT_LOCKED: 3,
  LDR_UNAUTHORIZED: 4,
  LDR_FORBIDDEN: 4,
  LDR_BLOCKED: 4,
  LDR_DIGEST_MISMATCH: 5,
  LDR_SIZE_MISMATCH: 5,
  LDR_UNVERIFIED: 5,
  LDR_EXPIRED: 5,
  LDR_BAD_BUNDLE: 5,
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

/** Terminal control characters, all line separators, and bidirectional overrides. */
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]+/gu;

/** Characters of a server's text that an error message quotes. */
const MAX_EXCERPT = 200;

/**
 * A failure that a user can act on: the message says what failed on what, the hint says what to do, and the code is
 * stable.
 *
 * Invariant: the message is one line without terminal control characters, even if it quotes a server.
 */
export class LarderError extends Error {
  override readonly name = "LarderError";
  readonly code: ErrorCode;
  /** One sentence without a full stop: what to type or to do. */
  readonly hint: string;
  /** Milliseconds that a server asked to wait before the next request. */
  readonly retryAfter: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { hint: string; cause?: unknown; retryAfter?: number | undefined },
  ) {
    super(printable(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.retryAfter = options.retryAfter;
  }

  get exitCode(): number {
    return ERROR_CODES[this.code];
  }
}

/** True if `error` is a {@link LarderError} with one of these codes. */
export function hasCode(error: unknown, ...codes: ErrorCode[]): error is LarderError {
  return error instanceof LarderError && codes.includes(error.code);
}

/** Returns the first line of the message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return printable((error instanceof Error ? error.message : String(error)).split("\n", 1)[0]!);
}

/** Shortens a server's text and makes it printable, for quoting in a message. */
export function excerpt(text: string): string {
  const line = printable(text);
  return line.length <= MAX_EXCERPT ? line : `${line.slice(0, MAX_EXCERPT)}…`;
}

/** Returns a text as one line without terminal control characters. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, " ");
}

/** Quotes a text for a POSIX shell if it must be, so that a hint can be typed as it is. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Returns the error of an operation that was aborted. */
export function interrupted(hint = "run the same command again"): LarderError {
  return new LarderError("LDR_INTERRUPTED", "interrupted", { hint });
}

/** Throws {@link interrupted} if the signal is aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw interrupted();
}
