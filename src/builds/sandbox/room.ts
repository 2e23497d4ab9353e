import { join } from "node:path";
import {
  ensureFolder,
  FILE_MODE,
  isNotFound,
  readFolder,
  statIfAny,
} from "../../base/files/files.ts";
import { GRACE_AGE, PULL_ROUNDS } from "../../base/limits.ts";
import { diskError } from "../../base/files/system_error.ts";
import type { Layout } from "../../store/layout.ts";
import { tryLockFile } from "../../store/locks/file_lock.ts";

/** Name of a room. */
const ROOM = /^[0-9a-f]{8}$/;

/** Name of the file in a room that is locked while the room is used. */
const LOCK = "lock";

/** Name of the file in a room with the arguments of the sandbox. */
const ARGUMENTS = "arguments";

/** Mode of what the command finds, whatever the user's umask is. */
const FOLDER_MODE = 0o755;
const CONTENT_MODE = 0o644;

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
    for (let tries = 1;; tries++) {
      const path = join(layout.rooms, crypto.randomUUID().slice(0, 8));
      ensureFolder(path);
      try {
        const room = new Room(path, openLock(path));
        for (const name of FOLDERS) makeFolder(room.folder(name));
        return room;
      } catch (error) {
        // Another process took the empty folder for abandoned, or the cache was deleted.
        if (!isNotFound(error) || tries === PULL_ROUNDS) throw diskError(error, "write", path);
      }
    }
  }

  /** Returns the path of a folder of the room. */
  folder(name: RoomFolder): string {
    return join(this.#path, name);
  }

  /** Writes arguments to a file for bwrap's `--args`, and returns its path. @throws LarderError LDR_DISK* */
  writeArguments(args: readonly string[]): string {
    const path = join(this.#path, ARGUMENTS);
    try {
      Deno.writeTextFileSync(path, args.map((each) => `${each}\0`).join(""), { mode: FILE_MODE });
    } catch (error) {
      throw diskError(error, "write", path);
    }
    return path;
  }

  /**
   * Gives everything in a folder the same mode and time in every build: those of files that larder copied there depend
   * on the user's umask and on the clock, which are no part of the key.
   */
  settle(name: RoomFolder, seconds: number): void {
    settle(this.folder(name), seconds);
  }

  /** False if it was deleted, with the cache, while it was used. */
  get exists(): boolean {
    return statIfAny(this.folder("output")) !== undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await tryRemoveRoom(this.#path);
    this.#lock.close();
  }
}

function makeFolder(path: string): void {
  Deno.mkdirSync(path);
  if (Deno.build.os !== "windows") Deno.chmodSync(path, FOLDER_MODE);
}

function settle(path: string, seconds: number): void {
  const { isDirectory } = Deno.lstatSync(path);
  if (isDirectory) {
    for (const { name } of Deno.readDirSync(path)) settle(join(path, name), seconds);
  }
  if (Deno.build.os !== "windows") Deno.chmodSync(path, isDirectory ? FOLDER_MODE : CONTENT_MODE);
  Deno.utimeSync(path, seconds, seconds);
}

/** Creates the lock of a room and takes it. */
function openLock(room: string): Deno.FsFile {
  const options = { read: true, write: true, createNew: true, mode: FILE_MODE };
  const lock = Deno.openSync(join(room, LOCK), options);
  if (typeof lock.tryLockSync === "function") tryLockFile(lock, true);
  else lock.lockSync(true); // Older runtimes cannot try a lock.
  return lock;
}

/** Removes the rooms of builds that were killed. Failures are ignored: a later build tries again. */
export async function removeAbandonedRooms(layout: Layout): Promise<void> {
  for (const { name, isDirectory } of readFolder(layout.rooms)) {
    if (!isDirectory || !ROOM.test(name)) continue;
    const path = join(layout.rooms, name);
    if (isAbandoned(path)) await tryRemoveRoom(path);
    // Without a lock it is empty, or its process is about to create the lock: then this fails, or that tries again.
    else if (!statIfAny(join(path, LOCK))) await tryRemove(path);
  }
}

function isAbandoned(path: string): boolean {
  let lock: Deno.FsFile;
  try {
    lock = Deno.openSync(join(path, LOCK), { read: true, write: true });
  } catch {
    return false;
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

/** Removes a room, its lock last, so that what a killed process leaves is still known to be abandoned. */
async function tryRemoveRoom(path: string): Promise<void> {
  for (const name of FOLDERS) await tryRemoveTree(join(path, name));
  for (const each of [join(path, ARGUMENTS), join(path, LOCK), path]) await tryRemove(each);
}

async function tryRemove(path: string): Promise<void> {
  await Deno.remove(path).catch(() => {});
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
