/** The only module that writes to the terminal: data to stdout, everything else to stderr. */

import { printable } from "../../base/errors.ts";
import { diskError } from "../../base/files.ts";

/** Output is flushed once this many characters are buffered. */
const FLUSH_LENGTH = 64 * 1024;

/** As the name of a file, it is standard input or output. */
export const STANDARD_STREAM = "-";

/** Moves to the beginning of the line and erases it (ECMA-48). */
const ERASE_LINE = "\r\x1b[K";

/** Columns of a terminal whose size is unknown. */
const DEFAULT_COLUMNS = 80;

const encoder = new TextEncoder();

/** Thrown when the reader of the output has closed it, as with `larder list | head`. */
export class BrokenPipe extends Error {}

/** Writes data to stdout. */
export function writeOut(text: string): void {
  write(Deno.stdout, text);
}

/** Writes data to stdout as JSON. */
export function writeJson(value: object): void {
  writeOut(`${JSON.stringify(value, null, 2)}\n`);
}

/** Writes objects to stdout as a JSON list, in chunks, because there may be 100,000 of them. */
export function writeJsonList(objects: Iterable<object>): void {
  let text = "[";
  let isFirst = true;
  for (const object of objects) {
    text += `${isFirst ? "" : ","}\n  ${JSON.stringify(object, null, 2).replaceAll("\n", "\n  ")}`;
    isFirst = false;
    if (text.length < FLUSH_LENGTH) continue;
    writeOut(text);
    text = "";
  }
  writeOut(`${text}${isFirst ? "" : "\n"}]\n`);
}

/** Reads data from stdin until its end. */
export async function readIn(): Promise<string> {
  return await new Response(Deno.stdin.readable).text();
}

/** Returns the width of the terminal, in columns. */
export function columns(): number {
  try {
    return Deno.consoleSize().columns || DEFAULT_COLUMNS;
  } catch {
    return DEFAULT_COLUMNS;
  }
}

/** Writes a message to stderr. */
export function writeErr(text: string): void {
  write(Deno.stderr, text);
}

/** True while the last line of the terminal is a status, which the next output erases. */
let hasStatus = false;

/** Replaces the last line of the terminal by a text, cut to its width. Only for stderr that is a terminal. */
export function showStatus(text: string): void {
  writeErr(printable(text).slice(0, columns() - 1));
  hasStatus = true;
}

/** Erases the status, if there is one. */
export function clearStatus(): void {
  if (!hasStatus) return;
  hasStatus = false;
  writeErr(ERASE_LINE);
}

function write(stream: typeof Deno.stdout, text: string): void {
  clearStatus();
  const bytes = encoder.encode(text);
  try {
    for (let written = 0; written < bytes.length;) {
      written += stream.writeSync(bytes.subarray(written));
    }
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) throw new BrokenPipe();
    throw diskError(
      error,
      "write to",
      stream === Deno.stdout ? "standard output" : "standard error",
    );
  }
}
