import { hasCode, LarderError } from "../base/errors.ts";
import { diskOf } from "../base/files/disk.ts";
import { ELSEWHERE } from "../base/files/system_error.ts";
import type { Room as DiskSpace } from "../pull/room.ts";

/** 1 MiB free on a disk below which a command that failed is taken to have filled it. */
const FULL = 1024 * 1024;

export interface FullDiskOptions {
  /** The folder of the cache. */
  readonly root: string;
  /** The name of the build. */
  readonly name: string;
  /** The folder of the build's own entry, which is kept. */
  readonly entry: string;
  /** Undefined if a full disk is an error at once. */
  readonly space: DiskSpace | undefined;
  readonly note: (message: string) => void;
}

/**
 * Runs `work`; if the disk of the cache is full, frees space within the limits of the user and runs it again, once,
 * because a command can take an hour. What a build needs is unknown: room is made for twice what was free or, if the
 * limits do not allow that, for more than was free.
 *
 * @throws LarderError LDR_DISK_FULL if no space can be freed, or not enough
 */
export async function withDiskSpace<T>(
  work: () => Promise<T>,
  { root, name, entry, space, note }: FullDiskOptions,
): Promise<T> {
  const free = diskOf(root)?.free ?? 0;
  const request = (bytes: number) => ({ bytes, files: 0, folders: [entry], digests: [] });
  const make = (bytes: number) => space!.make(request(bytes), { lack: "expected", note });
  for (let isRepeated = false;; isRepeated = true) {
    try {
      return await work();
    } catch (error) {
      if (!space || !hasCode(error, "LDR_DISK_FULL")) throw error;
      const isMade = !isRepeated && (await make(2 * free) || await make(free + FULL));
      if (!isMade) throw await space.explain(error, request(free + FULL));
      note(`building ${name} again: the disk was full`);
    }
  }
}

/** Returns the error for a command that failed and left no space on the disk; undefined if there is some. */
export function diskFilled(name: string, root: string): LarderError | undefined {
  const disk = diskOf(root);
  if (!disk || disk.free >= FULL) return undefined;
  const message = `the command of ${name} failed, and the disk of ${root} is full`;
  return new LarderError("LDR_DISK_FULL", message, { hint: `free some space, or ${ELSEWHERE}` });
}
