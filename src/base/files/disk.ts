import { statfsSync, type StatsFs } from "node:fs";
import { dirname } from "node:path";

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
  const state = stateOf(folder);
  return state && { size: state.blocks * state.bsize, free: state.bavail * state.bsize };
}

/** Returns how many files the disk that a path is on has room for, whatever their size. */
export function freeInodes(path: string): number {
  const state = stateOf(path);
  // Some file systems, such as Btrfs, have no fixed number and report 0 of 0.
  return state === undefined || state.files === 0 ? Infinity : state.ffree;
}

function stateOf(path: string): StatsFs | undefined {
  try {
    return statfsSync(path);
  } catch (error) {
    const parent = dirname(path);
    const { code } = error as { code?: string };
    const isMissing = error instanceof Deno.errors.NotFound || code === "ENOENT" ||
      error instanceof Deno.errors.NotADirectory || code === "ENOTDIR";
    return isMissing && parent !== path ? stateOf(parent) : undefined;
  }
}
