import { statIfAny } from "../base/files.ts";
import type { Digest } from "../oci/digest.ts";
import type { Tree } from "../store/layout.ts";

/**
 * A piece of content on the disk, of which several entries may need the same one: a blob, or the folder of the
 * manifest or index with this digest, which has `manifest.json` and `config.json`.
 */
export interface Content {
  readonly tree: Tree | "manifests";
  readonly digest: Digest;
  /** The file of a blob, the folder of a manifest. */
  readonly path: string;
  /** Bytes of its files. */
  readonly size: number;
  /** When it was last written, of several files the last. Milliseconds since the epoch, as it stands on the disk. */
  readonly mtime: number;
  /**
   * When something last came to the folder that it is in, if that is known. What larder writes there is written
   * before it comes, and so is no younger.
   */
  readonly lastArrival?: number | undefined;
  /** Looks at the files anew; undefined if they are gone. */
  look(): FileState | undefined;
}

/** What a file, or the files of some content together, have on the disk. */
export interface FileState {
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly mtime: number;
}

/** A file of the cache that is neither content nor an entry's. */
export interface FileStat extends FileState {
  readonly path: string;
}

/** What is known of a file, not following a link; undefined if it is gone. */
export function statFile(path: string): FileStat | undefined {
  const info = statIfAny(path);
  return info && { path, size: info.size, mtime: info.mtime?.getTime() ?? 0 };
}
