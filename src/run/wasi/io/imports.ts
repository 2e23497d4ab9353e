import { InputStream } from "./input_stream.ts";
import { IoError } from "./error.ts";
import { OutputStream } from "./output_stream.ts";

/** `wasi:io/error` and `wasi:io/streams`. */
export function streamImports(): Record<string, object> {
  return {
    "wasi:io/error": { Error: IoError },
    "wasi:io/streams": { InputStream, OutputStream },
  };
}
