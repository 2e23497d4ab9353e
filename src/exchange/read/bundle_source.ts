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
