/** The only place that writes to the terminal: data to stdout, everything else to stderr. */

import { diskError } from "../base/files.ts";

const encoder = new TextEncoder();

/** Thrown when whoever reads our output has gone, as with `larder list | head`. */
export class BrokenPipe extends Error {}

/** Writes data to stdout. */
export function writeOut(text: string): void {
  write(Deno.stdout, text);
}

/** Writes a message to stderr. */
export function writeErr(text: string): void {
  write(Deno.stderr, text);
}

function write(stream: typeof Deno.stdout, text: string): void {
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
