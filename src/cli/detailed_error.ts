import { type ErrorCode, LarderError } from "../base/errors.ts";

/** A failure of which more than a line can be shown: what stands below its message, above its hint. */
export class DetailedError extends LarderError {
  /** Lines that a terminal can be sent. */
  readonly details: readonly string[];

  constructor(
    code: ErrorCode,
    message: string,
    options: { hint: string; details: readonly string[]; cause?: unknown },
  ) {
    const { details, ...rest } = options;
    super(code, message, rest);
    this.details = details;
  }
}
