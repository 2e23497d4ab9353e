import { type ErrorCode, LarderError, printable } from "../base/errors.ts";

/** The most of a text that is shown on either side of the place where it is wrong. */
const MARGIN = 60;

/** A failure in a text that the user wrote, and where: the place is shown below it. */
export class PointedError extends LarderError {
  /** The line with the fault, and below it a mark at the place. */
  readonly picture: string;

  /** @param offset where in `text` the fault begins, in UTF-16 units */
  constructor(
    code: ErrorCode,
    message: string,
    options: { hint: string; text: string; offset: number; cause?: unknown },
  ) {
    const { text, offset, ...rest } = options;
    super(code, message, rest);
    this.picture = pictureOf(text, offset);
  }
}

/** `column 7`, or `line 2, column 7` in a text of several lines; both counted from 1. */
export function placeIn(text: string, offset: number): string {
  const before = text.slice(0, offset).split("\n");
  const column = `column ${before.at(-1)!.length + 1}`;
  return text.includes("\n") ? `line ${before.length}, ${column}` : column;
}

function pictureOf(text: string, offset: number): string {
  const lineStart = text.slice(0, offset).lastIndexOf("\n") + 1;
  const line = text.slice(lineStart).split("\n", 1)[0]!;
  const start = Math.max(lineStart, offset - MARGIN) - lineStart;
  const column = offset - lineStart;
  // One for one, so that the mark stays where it belongs.
  const shown = [...line.slice(start, column + MARGIN)].map(printable).join("");
  return `  ${shown}\n  ${" ".repeat(column - start)}^`;
}
