import { type ErrorCode, LarderError, printable } from "../base/errors.ts";

/** The most of a text that is shown on either side of the place where it is wrong. */
const MARGIN = 60;

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

/** A failure in a text that the user wrote, with the line of it and a mark below the place. */
export class PointedError extends DetailedError {
  /** @param offset where in `text` the fault begins, in UTF-16 units */
  constructor(
    code: ErrorCode,
    message: string,
    options: { hint: string; text: string; offset: number; cause?: unknown },
  ) {
    const { text, offset, ...rest } = options;
    super(code, message, { ...rest, details: pictureOf(text, offset) });
  }
}

/** `column 7`, or `line 2, column 7` in a text of several lines; both counted from 1. */
export function placeIn(text: string, offset: number): string {
  const before = text.slice(0, offset).split("\n");
  const column = `column ${before.at(-1)!.length + 1}`;
  return text.includes("\n") ? `line ${before.length}, ${column}` : column;
}

function pictureOf(text: string, offset: number): string[] {
  const lineStart = text.slice(0, offset).lastIndexOf("\n") + 1;
  const line = text.slice(lineStart).split("\n", 1)[0]!;
  const start = Math.max(lineStart, offset - MARGIN) - lineStart;
  const column = offset - lineStart;
  // One for one, so that the mark stays where it belongs.
  const shown = [...line.slice(start, column + MARGIN)].map(printable).join("");
  return [`  ${shown}`, `  ${" ".repeat(column - start)}^`];
}

/** The error for two options of which only one can be used. */
export function optionConflict(one: string, other: string): LarderError {
  return new LarderError("LDR_USAGE", `${one} and ${other} cannot be combined`, {
    hint: "leave one of them out",
  });
}

/** `--keep-last` for the option that commander calls `keepLast`. */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
