import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import { isNotFound } from "./files.ts";

/** The disk that a folder is on, in bytes. */
export interface Disk {
  readonly size: number;
  /** What this user may still write. */
  readonly free: number;
}

/** Asks for the disk of a folder, or of where it would be; undefined where the system does not tell. */
export function diskOf(folder: string): Disk | undefined {
  try {
    const { bsize, blocks, bavail } = statfsSync(folder);
    return { size: blocks * bsize, free: bavail * bsize };
  } catch (error) {
    const parent = dirname(folder);
    const isMissing = isNotFound(error) || (error as { code?: string }).code === "ENOENT";
    return isMissing && parent !== folder ? diskOf(parent) : undefined;
  }
}
