import { hasCode, LarderError } from "../base/errors.ts";
import { PULL_ROUNDS } from "../base/limits.ts";
import type { Digest } from "../oci/digest.ts";
import type { Layout } from "../store/layout.ts";
import { holdsLock, type StoreLockOptions, withSharedLock } from "../store/locks/store_lock.ts";

/** The space that a pull still needs, and what it uses of the cache. */
export interface SpaceRequest {
  /** Bytes that are still to be written. */
  readonly bytes: number;
  /** Files and folders, likewise. */
  readonly files: number;
  /** Folders of entries, which a collector must keep. */
  readonly folders: readonly string[];
  /** Digests of parts, likewise, and of their downloads. */
  readonly digests: readonly Digest[];
}

/**
 * What a pull lacks: space that it will need, as far as is known (`expected`), or space for a write that failed, on the
 * disk or within the quota of the user, of which the system does not report how much is left.
 */
export type Lack = "expected" | "disk" | "quota";

/** Frees space on the disk for a pull. */
export interface Room {
  /** True if space has to be freed before this many bytes are written. */
  isShort(bytes: number): Promise<boolean>;
  /**
   * Frees space within the limits of the user. Called without the store lock, which a collector needs.
   *
   * @returns true if there is more room than before, so that the pull can go on
   */
  make(
    request: SpaceRequest,
    options: { lack: Lack; note: (message: string) => void },
  ): Promise<boolean>;
  /** Returns the error for a disk that is still full, with what the user can do. */
  explain(error: LarderError, request: SpaceRequest): Promise<LarderError>;
}

/** Thrown to give the lock back before anything is fetched; never leaves {@link withRoom}. */
export class ShortOfSpace extends Error {}

export interface RoomOptions extends StoreLockOptions {
  readonly room: Room | undefined;
  /** Returns what the work needs, as far as it is known. */
  readonly request: () => SpaceRequest;
  readonly note: (message: string) => void;
}

/**
 * Runs `work` with the store lock held shared. If the disk is full or about to be, gives the lock back, frees space and
 * runs `work` again, which continues its partial downloads. Two processes that both do so cannot wait for each other:
 * neither holds a lock while it asks for the exclusive one.
 *
 * @throws LarderError LDR_DISK_FULL if no space can be freed, and the codes of `withSharedLock`
 */
export async function withRoom<T>(
  layout: Layout,
  work: () => Promise<T>,
  { room, request, note, ...options }: RoomOptions,
): Promise<T> {
  if (!room || holdsLock(layout)) return await withSharedLock(layout, work, options);
  for (let round = 1;; round++) {
    try {
      return await withSharedLock(layout, work, options);
    } catch (error) {
      const isFull = hasCode(error, "LDR_DISK_FULL");
      if (!isFull && !(error instanceof ShortOfSpace)) throw error;
      const lack = isFull ? lackOf(error) : "expected";
      const isMade = round <= PULL_ROUNDS && await makeRoom(room, request(), round, { lack, note });
      if (isFull && !isMade) throw await room.explain(error, request());
    }
  }
}

/** Returns what a write that failed for lack of space lacks. */
export function lackOf({ cause }: LarderError): Lack {
  return (cause as { code?: string } | undefined)?.code === "EDQUOT" ? "quota" : "disk";
}

/**
 * Asks for more in each round, because what is in an archive can take many times what it seems to: without this, a pull
 * of 6 MB of zeros gave up after five rounds that freed an entry each.
 */
async function makeRoom(
  room: Room,
  request: SpaceRequest,
  round: number,
  options: Parameters<Room["make"]>[1],
): Promise<boolean> {
  const more = { ...request, bytes: request.bytes * 8 ** (round - 1) };
  return await room.make(more, options) || (round > 1 && await room.make(request, options));
}
