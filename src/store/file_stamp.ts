/** By this a file is told from another of the same name, and from itself once it was written to. */
export interface FileStamp {
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly mtime: number;
  /** Null where there are no such numbers. */
  readonly ino: number | null;
}

export function stampOf({ size, mtime, ino }: Deno.FileInfo): FileStamp {
  return { size, mtime: mtime?.getTime() ?? 0, ino };
}

export function isSameFile(a: FileStamp, b: FileStamp): boolean {
  return a.size === b.size && a.mtime === b.mtime && a.ino === b.ino;
}
