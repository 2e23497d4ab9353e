import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import { isNotFound } from "./files.ts";

/** Capacity of a disk in bytes. */
export interface Disk {
  readonly size: number;
  /** Bytes available to this user. */
  readonly free: number;
}

/**
 * Returns the capacity of the disk that a folder is on. A folder that does not exist is looked up by its nearest
 * existing parent. Returns undefined if the system does not report a capacity.
 */
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
