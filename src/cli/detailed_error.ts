import { type ErrorCode, LarderError, printable } from "../base/errors.ts";

/** A failure of which more than a line can be shown: what stands below its message, above its hint. */
export class DetailedError extends LarderError {
  /** Lines. Invariant: a terminal can be sent them, whatever was put into them. */
  readonly details: readonly string[];

  constructor(
    code: ErrorCode,
    message: string,
    options: { hint: string; details: readonly string[]; cause?: unknown },
  ) {
    const { details, ...rest } = options;
    super(code, message, rest);
    this.details = details.map(printable);
  }
}
