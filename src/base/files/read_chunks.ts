import { throwIfAborted } from "../errors.ts";
import { TRANSFER_BUFFER } from "../limits.ts";
import { diskError } from "./system_error.ts";

/**
 * Reads a file in chunks, each of which is overwritten by the next one.
 * @param options.offset bytes of the file that are skipped
 * @throws LarderError LDR_DISK*, LDR_INTERRUPTED
 */
export async function* readChunks(
  path: string,
  { offset = 0, signal }: { offset?: number; signal?: AbortSignal | undefined } = {},
): AsyncGenerator<Uint8Array> {
  try {
    using file = Deno.openSync(path, { read: true });
    file.seekSync(offset, Deno.SeekMode.Start);
    const buffer = new Uint8Array(TRANSFER_BUFFER);
    for (let read; (read = await file.read(buffer)) !== null;) {
      throwIfAborted(signal);
      yield buffer.subarray(0, read);
    }
  } catch (error) {
    throw diskError(error, "read", path);
  }
}
