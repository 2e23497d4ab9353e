import { throwIfAborted } from "../errors.ts";
import { TRANSFER_BUFFER } from "../limits.ts";
import { openToRead } from "./open_file.ts";
import { diskError } from "./system_error.ts";

/** A file that was opened to be read, and its path for messages. */
export interface OpenFile {
  readonly path: string;
  readonly file: Deno.FsFile;
}

export interface ReadChunksOptions {
  /** Bytes of the file that are skipped. */
  readonly offset?: number;
  /** True if chunks stay as they are, for streams, which use the last one still; else the next one overwrites it. */
  readonly keepsChunks?: boolean;
  /** Bytes of a chunk. */
  readonly chunkSize?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Reads a file in chunks. @throws LarderError LDR_DISK*, LDR_INTERRUPTED */
export async function* readChunks(
  path: string,
  options?: ReadChunksOptions,
): AsyncGenerator<Uint8Array> {
  const file = openToRead(path);
  try {
    yield* readOpenFile({ path, file }, options);
  } finally {
    file.close();
  }
}

/** Reads an open file in chunks, from its beginning or an offset. @throws LarderError LDR_DISK*, LDR_INTERRUPTED */
export async function* readOpenFile(
  { path, file }: OpenFile,
  { offset = 0, keepsChunks, chunkSize = TRANSFER_BUFFER, signal }: ReadChunksOptions = {},
): AsyncGenerator<Uint8Array> {
  try {
    file.seekSync(offset, Deno.SeekMode.Start);
    let buffer = new Uint8Array(chunkSize);
    for (let read; (read = await file.read(buffer)) !== null;) {
      throwIfAborted(signal);
      yield buffer.subarray(0, read);
      if (keepsChunks) buffer = new Uint8Array(chunkSize);
    }
  } catch (error) {
    throw diskError(error, "read", path);
  }
}
