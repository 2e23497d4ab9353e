import { join } from "node:path";
import {
  replaceBy,
  temporaryOf,
  writeFileAtomic,
  writeFileUnsynced,
} from "../../base/files/atomic_write.ts";
import { removeIfAny, syncFile, writeAll } from "../../base/files/files.ts";
import { openIfAny, openOrCreate } from "../../base/files/open_file.ts";
import { RECORD_FILE } from "../layout.ts";
import { type FileLockOptions, openLocked } from "./file_lock.ts";

/** One minute, after which the process that has the lock for milliseconds is taken for suspended. */
const ENTRY_WAIT = 60_000;

/**
 * The right to write to the folder of an entry, which one process has at a time, so that the manifest, config and
 * record in it are always of one publication.
 *
 * It is the lock of the temporary file that is renamed to the record. Every write of a record takes that lock in any
 * case, so it costs no file of its own.
 */
export class EntryLock implements Disposable {
  readonly #path: string;
  /** Undefined without a lock: the file system has none, or the process that has it is suspended. */
  #file: Deno.FsFile | undefined;

  private constructor(path: string, file: Deno.FsFile | undefined) {
    this.#path = path;
    this.#file = file;
  }

  /**
   * Waits until no other process writes to a folder, which must exist.
   * @throws LarderError LDR_DISK*, LDR_INTERRUPTED
   */
  static async take(
    folder: string,
    options: { signal?: AbortSignal | undefined } = {},
  ): Promise<EntryLock> {
    const lock = await EntryLock.#take(folder, { ...options, timeout: ENTRY_WAIT });
    return lock ?? new EntryLock(join(folder, RECORD_FILE), undefined);
  }

  /** Returns undefined if another process is writing to the folder. @throws LarderError LDR_DISK* */
  static tryTake(folder: string): Promise<EntryLock | undefined> {
    return EntryLock.#take(folder, { timeout: 0 });
  }

  static async #take(folder: string, options: FileLockOptions): Promise<EntryLock | undefined> {
    const path = join(folder, RECORD_FILE);
    const { file, result } = (await openLocked(temporaryOf(path), true, openOrCreate, options))!;
    if (result === "taken") return new EntryLock(path, file);
    file.close();
    if (result === "busy") return undefined;
    removeIfAny(temporaryOf(path)); // No process uses this name without a lock.
    return new EntryLock(path, undefined);
  }

  /** Waits until a process that is writing to a folder has finished. Creates no file. @throws LarderError LDR_DISK* */
  static async wait(folder: string): Promise<void> {
    const path = temporaryOf(join(folder, RECORD_FILE));
    const locked = await openLocked(path, false, openIfAny, { timeout: ENTRY_WAIT });
    locked?.file.close();
  }

  /** Replaces the record, which must be the last write: another process may have the lock afterwards. */
  writeRecord(text: string, { sync }: { sync: boolean }): void {
    const file = this.#file;
    if (!file) return (sync ? writeFileAtomic : writeFileUnsynced)(this.#path, text);
    this.#file = undefined;
    try {
      replaceBy({ file, temporary: temporaryOf(this.#path) }, this.#path, () => {
        writeAll(file, new TextEncoder().encode(text));
        if (sync) syncFile(file);
      });
    } finally {
      file.close();
    }
  }

  [Symbol.dispose](): void {
    try {
      if (this.#file) removeIfAny(temporaryOf(this.#path));
    } finally {
      this.#file?.close();
    }
  }
}
