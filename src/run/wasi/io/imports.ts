import { IoError } from "./error.ts";
import { InputStream } from "./input_stream.ts";
import { OutputStream } from "./output_stream.ts";
import { poll, Pollable } from "./poll.ts";

/** `wasi:io`. */
export function ioImports(): Record<string, object> {
  return {
    "wasi:io/error": { Error: IoError },
    "wasi:io/poll": { Pollable, poll },
    "wasi:io/streams": { InputStream, OutputStream },
  };
}
