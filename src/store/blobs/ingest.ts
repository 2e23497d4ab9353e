import { LarderError } from "../../base/errors.ts";
import { isStillAt, removeIfAny, writeAll } from "../../base/files/files.ts";
import { diskError } from "../../base/files/system_error.ts";
import { COPY_BUFFER, PULL_ROUNDS } from "../../base/limits.ts";
import { ContentVerifier, MAX_UNSIZED } from "../../oci/content_verifier.ts";
import type { BlobDescriptor } from "../../oci/descriptor.ts";
import { FileHasher } from "./background_hash.ts";
import {
  movePartial,
  type PartialFile,
  releasePartial,
  resumePartial,
  syncPartial,
} from "./partial_file.ts";
import { isMark, tryMark } from "./verified_mark.ts";

/** 16 MiB from which on a blob is hashed in another thread; starting one does not pay for smaller blobs. */
export const BACKGROUND_HASH_SIZE = 16 * 1024 * 1024;

export interface IngestOptions {
  /** Called once if another process is writing the same blob and has to be waited for, with that process. */
  readonly waiting?: ((holders: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with the file when its digest is checked, before it gets its name. */
  readonly prepare?: ((file: Deno.FsFile, path: string) => Promise<void>) | undefined;
  /** Milliseconds after which a process that does not write to its file is no longer waited for. */
  readonly stall?: number | undefined;
}

/**
 * The write of one blob to the store. It can be resumed by this and by later processes; on a file system without locks
 * by this process only.
 *
 * Invariants:
 * - Only this object writes to the partial file: it has the file's lock, or a name of its own.
 * - The destination appears by a rename, after size and digest were checked and the data was synced.
 * - All bytes go through the hash in this process, including those that an earlier attempt left, unless they have the
 *   mark of a verified blob.
 */
export class Ingest {
  readonly #descriptor: BlobDescriptor;
  readonly #partial: PartialFile;
  readonly #destination: string;
  readonly #prepare: IngestOptions["prepare"];
  #verifier: ContentVerifier;
  /** Hashes large blobs in another thread. */
  #fileHasher: FileHasher | undefined;
  #isStaged = false;
  #open = true;

  private constructor(
    descriptor: BlobDescriptor,
    partial: PartialFile,
    destination: string,
    prepare: IngestOptions["prepare"],
  ) {
    this.#descriptor = descriptor;
    this.#partial = partial;
    this.#destination = destination;
    this.#prepare = prepare;
    this.#verifier = new ContentVerifier(descriptor);
  }

  /**
   * Opens the partial file, takes its lock and hashes the bytes that an earlier attempt left.
   *
   * @param partial path of the partial file
   * @param isPresent called with the lock held, because the process that was waited for may have written the blob
   * @returns undefined if the blob is present
   * @throws LarderError LDR_DISK*, LDR_INTERRUPTED
   */
  static async open(
    descriptor: BlobDescriptor,
    partial: string,
    destination: string,
    isPresent: () => boolean | Promise<boolean>,
    options: IngestOptions = {},
  ): Promise<Ingest | undefined> {
    const resume = async (claimed: PartialFile) => {
      const ingest = new Ingest(descriptor, claimed, destination, options.prepare);
      await ingest.#resume();
      return ingest;
    };
    return await resumePartial(partial, isPresent, resume, options);
  }

  /** Bytes written so far, which is the position where the source has to continue. */
  get offset(): number {
    return this.#verifier.length;
  }

  /** True if all bytes are there and {@link stage} has verified them, in this or in an earlier process. */
  get isStaged(): boolean {
    return this.#isStaged;
  }

  /**
   * Appends bytes; the caller may overwrite them afterwards.
   * @throws LarderError LDR_SIZE_MISMATCH, LDR_DISK*
   */
  write(bytes: Uint8Array): void {
    this.#verifier.update(bytes);
    try {
      writeAll(this.#partial.file, bytes);
    } catch (error) {
      throw diskError(error, "write", this.#partial.path);
    }
  }

  /** Discards all bytes so far, for a source that cannot start at `offset`. @throws LarderError LDR_DISK* */
  restart(): void {
    try {
      this.#partial.file.truncateSync(0);
      this.#partial.file.seekSync(0, Deno.SeekMode.Start);
    } catch (error) {
      throw diskError(error, "write", this.#partial.path);
    }
    this.#verifier = this.#verifierAt(0);
    this.#isStaged = false;
  }

  /**
   * Checks size and digest, syncs, and closes the partial file, which gets the mark of a verified blob: a later ingest
   * commits it without hashing it again. For content that becomes visible only together with other content.
   *
   * @param check called with the file when its digest is checked
   * @throws LarderError LDR_SIZE_MISMATCH, LDR_DIGEST_MISMATCH, LDR_DISK*, and those of `check`; the ingest is then still
   * open
   */
  async stage(check?: (file: Deno.FsFile, path: string) => Promise<void>): Promise<void> {
    if (this.#isStaged) return this.#close();
    try {
      await this.#verifier.finish();
      await syncPartial(this.#partial);
      await check?.(this.#partial.file, this.#partial.path);
    } catch (error) {
      throw diskError(error, "write", this.#partial.path);
    }
    tryMark(this.#partial.file, this.#descriptor.digest);
    this.#close();
  }

  /**
   * Checks size and digest, syncs, prepares, renames the partial file to the destination and closes it.
   *
   * @returns false if another process deleted the partial file meanwhile: nothing was committed, open a new ingest
   * @throws LarderError LDR_SIZE_MISMATCH, LDR_DIGEST_MISMATCH, LDR_DISK*, and those of `prepare`; the ingest is then still
   * open
   */
  async commit(): Promise<boolean> {
    try {
      if (!this.#isStaged) await this.#verifier.finish();
    } catch (error) {
      // The hashing thread opens the file by name, so it may have read that of another process, or none.
      if (this.#isOwned()) throw diskError(error, "read", this.#partial.path);
      this.#close();
      return false;
    }
    try {
      await syncPartial(this.#partial);
      await this.#prepare?.(this.#partial.file, this.#partial.path);
      tryMark(this.#partial.file, this.#descriptor.digest);
      // The cache may have been deleted, and another process may be writing a partial file of the same name.
      const isCommitted = await movePartial(this.#partial, this.#destination);
      this.#close();
      return isCommitted;
    } catch (error) {
      throw diskError(error, "write", this.#destination);
    }
  }

  /** Closes the partial file and keeps it for a later attempt, unless it is empty. */
  abort(): void {
    if (!this.#open) return;
    if (this.offset === 0 && this.#isOwned()) removeIfAny(this.#partial.path);
    this.#close();
  }

  /** Closes and removes the partial file, whose content is wrong. */
  discard(): void {
    if (!this.#open) return;
    if (this.#isOwned()) removeIfAny(this.#partial.path);
    this.#close();
  }

  /** True unless the partial file was deleted or replaced. */
  #isOwned(): boolean {
    return isStillAt(this.#partial.file, this.#partial.path);
  }

  #close(): void {
    this.#open = false;
    this.#fileHasher?.close();
    releasePartial(this.#partial);
  }

  /** Returns a verifier: in a thread that reads the first `length` bytes itself, or one that still has to see them. */
  #verifierAt(length: number): ContentVerifier {
    this.#fileHasher?.close();
    this.#fileHasher = undefined;
    const { digest, size = 0 } = this.#descriptor;
    // The thread would need a handle of its own, but Windows lets only the one that holds the lock read the file.
    const isExclusive = Deno.build.os === "windows";
    if (size < BACKGROUND_HASH_SIZE || isExclusive) return new ContentVerifier(this.#descriptor);
    this.#fileHasher = new FileHasher(this.#partial.path, digest, length);
    return new ContentVerifier(this.#descriptor, this.#fileHasher, length);
  }

  /** Continues at the end of the partial file, or starts over if that is longer than the blob. */
  async #resume(): Promise<void> {
    const { size, mtime } = this.#partial.file.statSync();
    if (size > (this.#descriptor.size ?? MAX_UNSIZED)) return this.restart();
    if (size === this.#descriptor.size && isMark(mtime, this.#descriptor.digest)) {
      this.#isStaged = true;
      this.#verifier = new ContentVerifier(this.#descriptor, undefined, size);
      return;
    }
    this.#verifier = this.#verifierAt(size);
    if (this.#fileHasher) {
      this.#partial.file.seekSync(size, Deno.SeekMode.Start);
    } else if (size > 0) {
      await this.#rehash(size);
    }
  }

  async #rehash(size: number): Promise<void> {
    const buffer = new Uint8Array(Math.min(COPY_BUFFER, size));
    for (let read; (read = await this.#partial.file.read(buffer)) !== null;) {
      this.#verifier.update(buffer.subarray(0, read));
    }
  }
}

/** Returns the error for a blob whose partial file was deleted, with the cache, at each attempt to commit it. */
export function deletedRepeatedly(descriptor: BlobDescriptor): LarderError {
  return new LarderError(
    "LDR_DISK",
    `cannot write ${descriptor.digest}: the cache was deleted ${PULL_ROUNDS} times meanwhile`,
    { hint: "find out which program deletes the cache, then try again" },
  );
}
