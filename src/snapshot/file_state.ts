import { statIfAny } from "../base/files.ts";
import type { Digest } from "../oci/digest.ts";
import type { Tree } from "../store/layout.ts";

/** The size and time of a file, or of the files of one piece of content together. */
export interface FileState {
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly mtime: number;
  /** When the inode last changed, if the system tells: no program can set it. */
  readonly changed?: number | undefined;
}

/** A file of the cache that is neither content nor part of an entry. */
export interface FileStat extends FileState {
  readonly path: string;
}

/**
 * Content on disk, which several entries may share: a blob, or the folder of the manifest or index with this digest,
 * which holds `manifest.json` and `config.json`.
 */
export interface Content {
  readonly tree: Tree | "manifests";
  readonly digest: Digest;
  /** The file of a blob, the folder of a manifest. */
  readonly path: string;
  /** Bytes of its files. */
  readonly size: number;
  /** Of an archive that was unpacked the path of the list of its files, which is removed with it and not counted. */
  readonly filesPath?: string | undefined;
  /**
   * The mtime of the tree that holds it, if known: no blob of the tree is younger, because larder writes a blob before
   * it renames it into the tree.
   */
  readonly lastArrival?: number | undefined;
  /** Returns the total size and latest mtime of its files, as of the first call: they are stat'ed once. */
  state(): FileState;
  /** Stats its files again; undefined if they are gone. */
  stat(): FileState | undefined;
}

/** Stats a file without following links; undefined if it is gone. */
export function statFile(path: string): FileStat | undefined {
  const info = statIfAny(path);
  if (!info) return undefined;
  return {
    path,
    size: info.size,
    mtime: info.mtime?.getTime() ?? 0,
    changed: info.ctime?.getTime(),
  };
}
