/** The only module that writes to the terminal: data to stdout, everything else to stderr. */

import { diskError } from "../../base/files/system_error.ts";

/** Output is flushed once this many characters are buffered. */
const FLUSH_LENGTH = 64 * 1024;

/** As the name of a file, it is standard input or output. */
export const STANDARD_STREAM = "-";

const encoder = new TextEncoder();

/** Thrown when the reader of the output has closed it, as with `larder list | head`. */
export class BrokenPipe extends Error {}

/** Writes data to stdout. */
export function writeOut(text: string): void {
  write(Deno.stdout, text);
}

/** Writes data to stdout as it is. */
export function writeOutBytes(bytes: Uint8Array): void {
  liveText?.clear();
  writeAllBytes(Deno.stdout, bytes);
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

/** Returns the columns of the terminal that stdout is; undefined if it is none. */
export function outputWidth(): number | undefined {
  try {
    // A terminal that was given no size has 0 columns.
    return Deno.stdout.isTerminal() ? Deno.consoleSize().columns || undefined : undefined;
  } catch {
    return undefined;
  }
}

/** Writes a message to stderr. */
export function writeErr(text: string): void {
  write(Deno.stderr, text);
}

/** Writes the output of another program to stderr as it is. */
export function writeErrBytes(bytes: Uint8Array): void {
  liveText?.clear();
  writeAllBytes(Deno.stderr, bytes);
}

/** Text below the messages that is drawn again and again, such as progress bars. */
export interface LiveText {
  clear(): void;
}

let liveText: LiveText | undefined;

/** Registers the text that is cleared before anything else is written; it draws itself again later. */
export function setLiveText(text: LiveText | undefined): void {
  liveText = text;
}

/** Writes a part of the live text to stderr. */
export function drawErr(text: string): void {
  writeAll(Deno.stderr, text);
}

function write(stream: typeof Deno.stdout, text: string): void {
  liveText?.clear();
  writeAll(stream, text);
}

function writeAll(stream: typeof Deno.stdout, text: string): void {
  writeAllBytes(stream, encoder.encode(text));
}

function writeAllBytes(stream: typeof Deno.stdout, bytes: Uint8Array): void {
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
