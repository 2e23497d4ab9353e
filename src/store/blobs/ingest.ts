import { dirname } from "node:path";
import { sleep } from "../../base/concurrency.ts";
import { LarderError } from "../../base/errors.ts";
import {
  diskError,
  ensureFolder,
  FILE_MODE,
  isNotFound,
  isStillAt,
  removeIfAny,
  writeAll,
} from "../../base/files.ts";
import { COPY_BUFFER, LOCK_POLL, PULL_ROUNDS } from "../../base/limits.ts";
import { ContentVerifier, MAX_UNSIZED } from "../../oci/content_verifier.ts";
import type { BlobDescriptor } from "../../oci/descriptor.ts";
import { lockFile } from "../locks/file_lock.ts";
import { FileHasher } from "./background_hash.ts";

/** From this size on a blob is hashed in a thread of its own: below it, starting one costs more than it brings. */
export const BACKGROUND_HASH_SIZE = 16 * 1024 * 1024;

export interface IngestOptions {
  /** Called once if another process is writing the same blob and has to be waited for. */
  readonly waiting?: (() => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What this process adds to the names of partial files where no lock keeps other processes from them. */
let suffix: string | undefined;

/** The partial files that this process is writing without a lock. */
const unlocked = new Set<string>();

/**
 * One blob on its way into the store, resumable in this and in any later process; in this alone, where the file system
 * has no locks.
 *
 * Invariants: only the holder of the partial file's lock, or of its name, writes to it; the destination appears by a
 * rename of bytes whose size and digest were checked and which are on the disk; every byte before `offset` goes
 * through the hash in this process.
 */
export class Ingest {
  readonly #descriptor: BlobDescriptor;
  readonly #partial: string;
  readonly #destination: string;
  readonly #file: Deno.FsFile;
  #verifier: ContentVerifier;
  /** Hashes in another thread, for blobs that are worth it. */
  #fileHasher: FileHasher | undefined;
  #open = true;

  private constructor(
    descriptor: BlobDescriptor,
    partial: string,
    destination: string,
    file: Deno.FsFile,
  ) {
    this.#descriptor = descriptor;
    this.#partial = partial;
    this.#destination = destination;
    this.#file = file;
    this.#verifier = new ContentVerifier(descriptor);
  }

  /**
   * Opens the partial file and takes its lock; what an earlier try left is hashed again.
   *
   * @param isPresent asked once the lock is there, since the one waited for may have done it
   * @returns undefined if the blob is present by then
   * @throws LarderError LDR_DISK*, LDR_INTERRUPTED
   */
  static async open(
    descriptor: BlobDescriptor,
    partial: string,
    destination: string,
    isPresent: () => boolean | Promise<boolean>,
    options: IngestOptions = {},
  ): Promise<Ingest | undefined> {
    for (;;) {
      const { file, path } = await claimPartial(partial, options);
      try {
        if (isStillAt(file, path)) {
          if (!await isPresent()) {
            const ingest = new Ingest(descriptor, path, destination, file);
            await ingest.#resume();
            return ingest;
          }
          removeIfAny(path);
          release(file, path);
          return undefined;
        }
      } catch (error) {
        release(file, path);
        throw diskError(error, "open", path);
      }
      release(file, path); // It was finished or deleted by somebody else: look again.
    }
  }

  /** Bytes that are there already: where the source is to go on. */
  get offset(): number {
    return this.#verifier.length;
  }

  /**
   * Appends bytes; they may be overwritten afterwards.
   * @throws LarderError LDR_SIZE_MISMATCH, LDR_DISK*
   */
  write(bytes: Uint8Array): void {
    this.#verifier.update(bytes);
    try {
      writeAll(this.#file, bytes);
    } catch (error) {
      throw diskError(error, "write", this.#partial);
    }
  }

  /** Starts over, for a source that cannot begin at `offset`. @throws LarderError LDR_DISK* */
  restart(): void {
    try {
      this.#file.truncateSync(0);
      this.#file.seekSync(0, Deno.SeekMode.Start);
    } catch (error) {
      throw diskError(error, "write", this.#partial);
    }
    this.#verifier = this.#begin(0);
  }

  /**
   * Checks, syncs and renames to the destination, and closes.
   *
   * @returns false if somebody deleted the partial file meanwhile: nothing was written, open a new one
   * @throws LarderError LDR_SIZE_MISMATCH, LDR_DIGEST_MISMATCH, LDR_DISK*; the ingest is then still open
   */
  async commit(): Promise<boolean> {
    try {
      await this.#verifier.finish();
    } catch (error) {
      // The hashing thread reads by name: it may have found another process's file, or none.
      if (isStillAt(this.#file, this.#partial)) throw diskError(error, "read", this.#partial);
      this.#close();
      return false;
    }
    try {
      await this.#file.syncData();
      // Somebody may have deleted the cache, and another process begun a partial file of the same name.
      if (!isStillAt(this.#file, this.#partial) || !this.#rename()) {
        this.#close();
        return false;
      }
    } catch (error) {
      throw diskError(error, "write", this.#destination);
    }
    const own = isStillAt(this.#file, this.#destination);
    this.#close();
    return own;
  }

  /** Closes and keeps what has come for the next try; an empty file is not worth keeping. */
  abort(): void {
    if (!this.#open) return;
    if (this.offset === 0 && isStillAt(this.#file, this.#partial)) removeIfAny(this.#partial);
    this.#close();
  }

  /** Closes and removes what has come: it is not what it should be. */
  discard(): void {
    if (!this.#open) return;
    if (isStillAt(this.#file, this.#partial)) removeIfAny(this.#partial);
    this.#close();
  }

  #close(): void {
    this.#open = false;
    this.#fileHasher?.close();
    release(this.#file, this.#partial);
  }

  /** @returns false if the partial file is gone, or the destination's folder as soon as it is made */
  #rename(): boolean {
    for (const folderIsThere of [false, true]) {
      try {
        Deno.renameSync(this.#partial, this.#destination);
        return true;
      } catch (error) {
        if (!isNotFound(error)) throw error;
        if (!folderIsThere) ensureFolder(dirname(this.#destination));
      }
    }
    return false;
  }

  /** A new check of a file that has `length` bytes already. */
  #begin(length: number): ContentVerifier {
    this.#fileHasher?.close();
    this.#fileHasher = undefined;
    const { digest, size = 0 } = this.#descriptor;
    // Windows lets only the handle that has the lock read the file, and the thread would need one of its own.
    const onlyHandle = Deno.build.os === "windows";
    if (size < BACKGROUND_HASH_SIZE || onlyHandle) return new ContentVerifier(this.#descriptor);
    this.#fileHasher = new FileHasher(this.#partial, digest, length);
    return new ContentVerifier(this.#descriptor, this.#fileHasher, length);
  }

  /** Goes on where the partial file ends; one that is too long cannot be a beginning. */
  async #resume(): Promise<void> {
    const { size } = this.#file.statSync();
    if (size > (this.#descriptor.size ?? MAX_UNSIZED)) return this.restart();
    this.#verifier = this.#begin(size);
    if (this.#fileHasher) {
      this.#file.seekSync(size, Deno.SeekMode.Start);
    } else if (size > 0) {
      await this.#rehash(size);
    }
  }

  async #rehash(size: number): Promise<void> {
    const buffer = new Uint8Array(Math.min(COPY_BUFFER, size));
    for (let read; (read = await this.#file.read(buffer)) !== null;) {
      this.#verifier.update(buffer.subarray(0, read));
    }
  }
}

/** Opens a partial file that nobody else writes to: by its lock, or else by a name of this process's own. */
async function claimPartial(
  partial: string,
  options: IngestOptions,
): Promise<{ file: Deno.FsFile; path: string }> {
  for (let waited = false;; waited = true) {
    const shared = openPartial(partial);
    if (!shared) continue;
    try {
      if (await lockFile(shared, true, options) === "taken") return { file: shared, path: partial };
    } catch (error) {
      shared.close();
      throw diskError(error, "open", partial);
    }
    if (shared.statSync().size === 0) removeIfAny(partial);
    shared.close();
    const own = `${partial}.${suffix ??= crypto.randomUUID().slice(0, 8)}`;
    if (!unlocked.has(own)) {
      const file = openPartial(own);
      if (!file) continue;
      unlocked.add(own);
      return { file, path: own };
    }
    if (!waited) options.waiting?.();
    await sleep(LOCK_POLL, options.signal);
  }
}

function release(file: Deno.FsFile, path: string): void {
  unlocked.delete(path);
  file.close();
}

/** Opens or creates the partial file; undefined if the folder was deleted in between. */
function openPartial(path: string): Deno.FsFile | undefined {
  const options = { read: true, write: true, create: true, mode: FILE_MODE };
  try {
    return Deno.openSync(path, options);
  } catch (error) {
    if (!isNotFound(error)) throw diskError(error, "write", path);
  }
  ensureFolder(dirname(path));
  try {
    return Deno.openSync(path, options);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw diskError(error, "write", path);
  }
}

/** The error for a blob that somebody deleted, with the cache, each time that it was to be finished. */
export function deletedRepeatedly(descriptor: BlobDescriptor): LarderError {
  return new LarderError(
    "LDR_DISK",
    `the cache was deleted ${PULL_ROUNDS} times under ${descriptor.digest}`,
    { hint: "find out what deletes it, and try again" },
  );
}
