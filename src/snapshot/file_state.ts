import { statIfAny } from "../base/files/files.ts";
import type { Digest } from "../oci/digest.ts";
import type { Tree } from "../store/layout.ts";

/** The size and time of a file, or of the files of one piece of content together. */
export interface FileState {
  readonly size: number;
  /** Bytes that they take on the disk, in whole blocks. */
  readonly allocated: number;
  /** Milliseconds since the epoch. */
  readonly mtime: number;
  /** When the inode last changed, if the system tells: no program can set it. */
  readonly changed?: number | undefined;
  /** Of a file with several names: its space is free when the last one is removed. */
  readonly links?: { readonly inode: string; readonly count: number } | undefined;
}

/** 4 KiB, the block of nearly all file systems: what a file takes that was not stat'ed is rounded up to it. */
const BLOCK = 4096;

/** Returns the bytes that a file of a known size takes on a disk, without a stat. */
export function allocatedFor(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}

/** Returns the bytes that a file takes on its disk. POSIX counts blocks of 512 bytes; Windows reports none. */
export function allocatedOf({ size, blocks }: Deno.FileInfo): number {
  return blocks === null ? allocatedFor(size) : blocks * 512;
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
  /** Bytes that its files take on the disk; an estimate until they are stat'ed. */
  readonly allocated: number;
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
  const { size, mtime, ctime, nlink, dev, ino } = info;
  const links = (nlink ?? 1) > 1 ? { inode: `${dev}:${ino}`, count: nlink! } : undefined;
  return {
    path,
    size,
    allocated: allocatedOf(info),
    mtime: mtime?.getTime() ?? 0,
    changed: ctime?.getTime(),
    links,
  };
}
