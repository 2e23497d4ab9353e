/** Bytes that are read at once from a Wasm file. */
const WASM_WINDOW = 64 * 1024;

/** Bytes in memory or in a file. */
export interface ByteSource {
  readonly size: number;
  /**
   * Returns the bytes from `start` to before `end`, valid until the next call. There are fewer if the file was
   * truncated meanwhile.
   */
  slice(start: number, end: number): Uint8Array;
}

/** Returns a source for bytes in memory. */
export function memorySource(bytes: Uint8Array): ByteSource {
  return { size: bytes.length, slice: (start, end) => bytes.subarray(start, end) };
}

/** Reads a file through a window: many small slices need few reads, and skipped bytes none. */
export class FileSource implements ByteSource {
  readonly size: number;
  readonly #file: Deno.FsFile;
  #window: Uint8Array = new Uint8Array(0);
  #start = 0;

  constructor(file: Deno.FsFile) {
    this.#file = file;
    this.size = file.statSync().size;
  }

  slice(start: number, end: number): Uint8Array {
    if (start < this.#start || end > this.#start + this.#window.length) {
      const length = Math.min(Math.max(end - start, WASM_WINDOW), this.size - start);
      this.#window = this.#read(start, length);
      this.#start = start;
    }
    return this.#window.subarray(start - this.#start, end - this.#start);
  }

  #read(start: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.#file.seekSync(start, Deno.SeekMode.Start);
    let filled = 0;
    while (filled < length) {
      const read = this.#file.readSync(bytes.subarray(filled));
      if (read === null) break;
      filled += read;
    }
    return bytes.subarray(0, filled);
  }
}
