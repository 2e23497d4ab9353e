import { type ErrorCode, LarderError, printable } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";

/** Characters shown on either side of the position of a fault. */
const MARGIN = 60;

/** An error with lines of detail between its message and its hint. */
export class DetailedError extends LarderError {
  /** Invariant: each is a line without control characters. */
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

/** An error in a text that the user wrote, with its line and a mark below the fault. */
export class PointedError extends DetailedError {
  /** @param offset UTF-16 units before the fault in `text` */
  constructor(
    code: ErrorCode,
    message: string,
    options: { hint: string; text: string; offset: number; cause?: unknown },
  ) {
    const { text, offset, ...rest } = options;
    super(code, message, { ...rest, details: pictureOf(text, offset) });
  }
}

/** Returns `column 7`, or `line 2, column 7` in a text of several lines; both count from 1. */
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
  // Each character is replaced by one, so that the mark stays below the fault.
  const shown = [...line.slice(start, column + MARGIN)].map(printable).join("");
  return [`  ${shown}`, `  ${" ".repeat(column - start)}^`];
}

/** The error for two options of which only one can be used. */
export function optionConflict(one: string, other: string): LarderError {
  return new LarderError("LDR_USAGE", `${one} and ${other} cannot be combined`, {
    hint: "leave one of them out",
  });
}

/** The error for an option of a list of packages where no list is named. */
export function optionWithoutList(option: string): LarderError {
  return new LarderError("LDR_USAGE", `${option} needs a list: there is no --from`, {
    hint: "name the list or index with --from FILE|URL, or leave the option out",
  });
}

/** `--keep-last` for the option that commander calls `keepLast`. */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Returns the error for a value of an option, with the reason and the hint of `error`. */
export function badOption(flag: string, error: LarderError): LarderError {
  return new LarderError("LDR_USAGE", `bad ${flag}: ${error.message}`, { hint: error.hint });
}

/** The error for a text that is none of a few values. */
export function notAChoice(text: string, choices: readonly string[]): LarderError {
  const near = nearest(text, choices);
  const list = new Intl.ListFormat("en-GB", { type: "disjunction" }).format(choices);
  return new LarderError("LDR_USAGE", `"${text}" is not ${list}`, {
    hint: near === undefined ? `write ${list}` : `did you mean ${near}?`,
  });
}
