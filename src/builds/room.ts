import { join } from "node:path";
import { ensureFolder, FILE_MODE, readFolder, statIfAny } from "../base/files.ts";
import { GRACE_AGE } from "../base/limits.ts";
import { diskError } from "../base/system_error.ts";
import type { Layout } from "../store/layout.ts";
import { tryLockFile } from "../store/locks/file_lock.ts";

/** Name of a room. */
const ROOM = /^[0-9a-f]{8}$/;

/** Name of the file in a room that is locked while the room is used. */
const LOCK = "lock";

/** The folders of a room. */
export const FOLDERS = ["work", "home", "tmp", "packages", "refs", "output"] as const;
export type RoomFolder = typeof FOLDERS[number];

/**
 * The clean folder of one build. It is in the cache, so that the result becomes a blob by a rename, and inputs and
 * packages can share the blocks of their files.
 *
 * Invariant: the process that made it holds the lock in it. Without that process it is abandoned, and the next build or
 * collection removes it.
 */
export class Room implements AsyncDisposable {
  readonly #path: string;
  readonly #lock: Deno.FsFile;

  private constructor(path: string, lock: Deno.FsFile) {
    this.#path = path;
    this.#lock = lock;
  }

  /** Makes a room. @throws LarderError LDR_DISK* */
  static open(layout: Layout): Room {
    const path = join(layout.rooms, crypto.randomUUID().slice(0, 8));
    ensureFolder(path);
    try {
      const options = { read: true, write: true, createNew: true, mode: FILE_MODE };
      const lock = Deno.openSync(join(path, LOCK), options);
      if (typeof lock.tryLockSync === "function") tryLockFile(lock, true);
      else lock.lockSync(true); // Older runtimes cannot try a lock.
      const room = new Room(path, lock);
      for (const name of FOLDERS) Deno.mkdirSync(room.folder(name), { mode: 0o755 });
      return room;
    } catch (error) {
      throw diskError(error, "write", path);
    }
  }

  /** Returns the path of a folder of the room. */
  folder(name: RoomFolder): string {
    return join(this.#path, name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await tryRemoveTree(this.#path);
    this.#lock.close();
  }
}

/** Removes the rooms of builds that were killed. Failures are ignored: a later build tries again. */
export async function removeAbandonedRooms(layout: Layout): Promise<void> {
  for (const { name, isDirectory } of readFolder(layout.rooms)) {
    if (!isDirectory || !ROOM.test(name)) continue;
    const path = join(layout.rooms, name);
    if (isAbandoned(path)) await tryRemoveTree(path);
  }
}

function isAbandoned(path: string): boolean {
  let lock: Deno.FsFile;
  try {
    lock = Deno.openSync(join(path, LOCK), { read: true, write: true });
  } catch {
    return isOld(path); // Its process may be about to create the lock.
  }
  try {
    const result = tryLockFile(lock, true);
    return result === "taken" || (result === "unknown" && isOld(path));
  } finally {
    lock.close();
  }
}

function isOld(path: string): boolean {
  const changed = statIfAny(path)?.mtime?.getTime() ?? Date.now();
  return Date.now() - changed > 24 * GRACE_AGE;
}

/** Removes a folder with everything in it, also if a command took the permission to do so away. */
async function tryRemoveTree(path: string): Promise<void> {
  for (const isRetry of [false, true]) {
    try {
      if (isRetry) makeWritable(path);
      return await Deno.remove(path, { recursive: true });
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
    }
  }
}

function makeWritable(folder: string): void {
  Deno.chmodSync(folder, 0o700);
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (isDirectory) makeWritable(join(folder, name));
  }
}
