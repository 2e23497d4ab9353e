import { throwIfAborted } from "../../base/errors.ts";
import { TRANSFER_BUFFER } from "../../base/limits.ts";
import { diskError } from "../../base/files/system_error.ts";

/** The files of a bundle: of a folder, or of an archive. */
export interface BundleSource extends Disposable {
  /** Of the folder or archive, for messages. */
  readonly path: string;
  /** Returns the name of the file that a name leads to, through the links in an archive. */
  resolve(name: string): string;
  /** The size in bytes of a file; undefined if there is none. */
  sizeOf(name: string): number | undefined;
  /**
   * Reads a document into memory.
   * @returns undefined if there is none
   * @throws LarderError LDR_BAD_BUNDLE if it is too large; LDR_DISK*
   */
  read(name: string): Promise<Uint8Array | undefined>;
  /**
   * Reads files, each once, in the order of the source. A chunk may be overwritten once the next one is requested.
   * @throws LarderError LDR_BAD_BUNDLE, LDR_DISK*, LDR_INTERRUPTED, and what `work` throws
   */
  visit(
    names: ReadonlySet<string>,
    work: (name: string, chunks: AsyncIterable<Uint8Array>) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<void>;
}

/** 4 MiB limit on a document of a bundle, as on a manifest of a registry. */
export const MAX_DOCUMENT = 4 * 1024 * 1024;

/** Reads a file in chunks, which are overwritten by the next one. @throws LarderError LDR_DISK*, LDR_INTERRUPTED */
export async function* readFile(path: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    using file = Deno.openSync(path, { read: true });
    const buffer = new Uint8Array(TRANSFER_BUFFER);
    for (let read; (read = await file.read(buffer)) !== null;) {
      throwIfAborted(signal);
      yield buffer.subarray(0, read);
    }
  } catch (error) {
    throw diskError(error, "read", path);
  }
}
