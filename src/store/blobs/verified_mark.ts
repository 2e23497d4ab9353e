import type { Digest } from "../../oci/digest.ts";

/**
 * The mark of a blob whose digest larder has checked: a modification time that encodes the digest.
 *
 * Any later write by another program changes the time, so the mark is also lost when Spin writes over a file of larder
 * in place, which keeps its mode and its inode. A mark needs no file of its own and costs one system call per blob. A
 * blob without it is hashed before it counts.
 */

/** Milliseconds (4 min 22 s) between two times that mark the same digest. Spin's own times pass for a mark 1 in 65,000. */
const PERIOD = 2 ** 18;

/** Milliseconds to which file systems round times down: most do not, exFAT, HFS+ and NFSv2, FAT. */
const GRANULARITIES = [1, 10, 1000, 2000];

/** Returns the latest time, not after `now`, that marks a blob with this digest. */
export function markOf(digest: Digest, now: number): Date {
  const offset = offsetOf(digest);
  return new Date(Math.floor((now - offset) / PERIOD) * PERIOD + offset);
}

/** True if a modification time marks a blob with this digest. */
export function isMark(mtime: Date | null, digest: Digest): boolean {
  if (!mtime) return false;
  const time = mtime.getTime();
  const rounded = (offsetOf(digest) - time % PERIOD + PERIOD) % PERIOD;
  return GRANULARITIES.some((step) => time % step === 0 && rounded < step);
}

/**
 * True if a modification time is a mark to the millisecond, which that of a file which larder did not write is 1 in
 * 262,144.
 */
export function isExactMark(mtime: Date | null, digest: Digest): boolean {
  return mtime !== null && mtime.getTime() % PERIOD === offsetOf(digest);
}

/**
 * Marks a file whose digest was checked. Ignores failures: an unmarked blob is only hashed again.
 * @param file its path, or the file opened for writing
 */
export function tryMark(file: string | Deno.FsFile, digest: Digest): void {
  const now = Date.now();
  try {
    if (typeof file === "string") Deno.utimeSync(file, new Date(now), markOf(digest, now));
    else file.utimeSync(new Date(now), markOf(digest, now));
  } catch {
    // Read-only, of another user, or deleted.
  }
}

function offsetOf(digest: Digest): number {
  return parseInt(digest.slice(digest.indexOf(":") + 1).slice(0, 8), 16) % PERIOD;
}
