import { basename, dirname, join } from "node:path";
import * as v from "valibot";
import { writeFileUnsynced } from "../../base/files/atomic_write.ts";
import {
  isStillAt,
  readTextIfAny,
  removeIfAny,
  statIfAny,
  writeAll,
} from "../../base/files/files.ts";
import { COPY_BUFFER } from "../../base/limits.ts";
import { diskError } from "../../base/files/system_error.ts";
import { digestMismatch } from "../../oci/content_verifier.ts";
import { algorithmOf, type Digest, type DigestAlgorithm } from "../../oci/digest.ts";
import { digestOf, Hasher } from "../../oci/hash.ts";
import { parseJson } from "../json.ts";
import type { Layout } from "../layout.ts";
import {
  movePartial,
  type PartialFile,
  releasePartial,
  resumePartial,
  syncPartial,
} from "./partial_file.ts";
import { isMark, tryMark } from "./verified_mark.ts";

const VersionSchema = v.object({ validator: v.string(), size: v.optional(v.number()) });

/** Tells the versions of a file on a server apart, so that bytes of two are not joined. */
export interface ContentVersion {
  /** A strong `ETag`, or a `Last-Modified`. */
  readonly validator: string;
  /** Bytes of the whole file. */
  readonly size?: number | undefined;
}

export interface UnnamedIngestOptions {
  readonly waiting?: ((holders: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The algorithm of the digest, if it is known already; sha256 by default. */
  readonly algorithm?: DigestAlgorithm | undefined;
}

/**
 * The write of a blob to `data/` whose digest is known only once all its bytes have arrived: of a URL, or of a push. It
 * can be resumed by this and by later processes as long as the server has the same version of the file, which is kept
 * beside the bytes.
 *
 * Invariants:
 * - The lock of the partial file is held until disposal, also after {@link commit}: what is written in between, such as
 *   the record of a package, is seen by a process that waited for the lock.
 * - Bytes without a version beside them are discarded when they are found, because nothing tells what they are of.
 */
export class UnnamedIngest implements Disposable {
  readonly #layout: Layout;
  readonly #partial: PartialFile;
  #hasher: Hasher;
  #offset = 0;
  #version: ContentVersion | undefined;
  /** True if there may be a file with a version. */
  #hasVersion = false;

  private constructor(layout: Layout, partial: PartialFile, algorithm?: DigestAlgorithm) {
    this.#layout = layout;
    this.#partial = partial;
    this.#hasher = new Hasher(algorithm);
  }

  /**
   * Opens the partial file, takes its lock and hashes the bytes that an earlier attempt left.
   *
   * @param key identifies the source of the bytes
   * @param isPresent called with the lock held, because the process that was waited for may have written the blob
   * @returns undefined if the blob is present
   * @throws LarderError LDR_DISK*, LDR_INTERRUPTED
   */
  static async open(
    layout: Layout,
    key: Digest,
    isPresent: () => boolean,
    options: UnnamedIngestOptions = {},
  ): Promise<UnnamedIngest | undefined> {
    const resume = async (claimed: PartialFile) => {
      const ingest = new UnnamedIngest(layout, claimed, options.algorithm);
      await ingest.#resume();
      return ingest;
    };
    return await resumePartial(layout.partial(key), isPresent, resume, options);
  }

  /** Bytes written so far. */
  get offset(): number {
    return this.#offset;
  }

  /** The version that the bytes so far are of; undefined if there are none, or if they cannot be continued. */
  get version(): ContentVersion | undefined {
    return this.#version;
  }

  /**
   * Discards all bytes so far, and records of which version the next ones are.
   * @throws LarderError LDR_DISK*
   */
  restart(version: ContentVersion | undefined): void {
    try {
      this.#partial.file.truncateSync(0);
      this.#partial.file.seekSync(0, Deno.SeekMode.Start);
      this.#hasher = new Hasher(this.#hasher.algorithm);
      this.#offset = 0;
      this.#version = version;
      // Only once the old bytes are gone, so that a process which is killed in between joins nothing.
      if (version) writeFileUnsynced(this.#versionPath, JSON.stringify(version));
      else if (this.#hasVersion) removeIfAny(this.#versionPath);
      this.#hasVersion = version !== undefined;
    } catch (error) {
      throw diskError(error, "write", this.#partial.path);
    }
  }

  /**
   * Appends bytes; the caller may overwrite them afterwards. If it fails, nothing is appended, so that it can be repeated.
   * @throws LarderError LDR_DISK*
   */
  write(bytes: Uint8Array): void {
    const { file } = this.#partial;
    try {
      writeAll(file, bytes);
    } catch (error) {
      file.truncateSync(this.#offset);
      file.seekSync(this.#offset, Deno.SeekMode.Start);
      throw diskError(error, "write", this.#partial.path);
    }
    this.#hasher.update(bytes);
    this.#offset += bytes.length;
  }

  /** Returns the first `length` bytes, or all if there are fewer. */
  start(length: number): Uint8Array {
    const { file } = this.#partial;
    const bytes = new Uint8Array(Math.min(length, this.#offset));
    file.seekSync(0, Deno.SeekMode.Start);
    file.readSync(bytes);
    file.seekSync(this.#offset, Deno.SeekMode.Start);
    return bytes;
  }

  /**
   * Syncs the bytes and renames the partial file to the blob of their digest. Keeps the lock.
   *
   * @param expected the digest that they must have; without one, any
   * @returns undefined if another process deleted the partial file meanwhile: nothing was committed, open a new ingest
   * @throws LarderError LDR_DIGEST_MISMATCH, LDR_DISK*
   */
  async commit(
    expected?: Digest,
  ): Promise<{ readonly digest: Digest; readonly size: number } | undefined> {
    const digest = await this.#digest(expected && algorithmOf(expected));
    if (expected && digest !== expected) throw digestMismatch(expected, digest);
    const destination = this.#layout.blob("data", digest);
    const { file, path } = this.#partial;
    try {
      await syncPartial(this.#partial);
      tryMark(file, digest);
      if (!isStillAt(file, path)) return undefined;
      if (this.#hasVersion) removeIfAny(this.#versionPath);
      const isMoved = await movePartial(this.#partial, destination) ||
        isBlob(destination, digest, this.#offset);
      return isMoved ? { digest, size: this.#offset } : undefined;
    } catch (error) {
      throw diskError(error, "write", destination);
    }
  }

  /** Removes the bytes, which are wrong. */
  discard(): void {
    if (!isStillAt(this.#partial.file, this.#partial.path)) return;
    removeIfAny(this.#partial.path);
    if (this.#hasVersion) removeIfAny(this.#versionPath);
  }

  /** Releases the lock. Keeps the bytes for a later attempt if it can continue them. */
  [Symbol.dispose](): void {
    if (this.#version === undefined || this.#offset === 0) this.discard();
    releasePartial(this.#partial);
  }

  /** The version is in a partial file of its own, so that a collector removes it like one. */
  get #versionPath(): string {
    const { path } = this.#partial;
    const name = new TextEncoder().encode(`version of ${basename(path)}`);
    return join(dirname(path), this.#layout.fileName(digestOf(name)));
  }

  async #resume(): Promise<void> {
    const { size } = this.#partial.file.statSync();
    if (size === 0) return;
    this.#hasVersion = true;
    const version = parseJson(VersionSchema, readTextIfAny(this.#versionPath) ?? "");
    if (!version || size > (version.size ?? Infinity)) return this.restart(undefined);
    this.#version = version;
    this.#offset = await this.#hashFile(this.#hasher);
  }

  /** Returns the digest of the bytes so far; reads them again if they were hashed with another algorithm. */
  async #digest(algorithm = this.#hasher.algorithm): Promise<Digest> {
    if (algorithm === this.#hasher.algorithm) return this.#hasher.digest();
    const hasher = new Hasher(algorithm);
    await this.#hashFile(hasher);
    return hasher.digest();
  }

  /** Hashes the whole partial file. @returns its size in bytes */
  async #hashFile(hasher: Hasher): Promise<number> {
    const { file } = this.#partial;
    file.seekSync(0, Deno.SeekMode.Start);
    const buffer = new Uint8Array(COPY_BUFFER);
    let size = 0;
    for (let read; (read = await file.read(buffer)) !== null; size += read) {
      hasher.update(buffer.subarray(0, read));
    }
    return size;
  }
}

/** True if a blob has its name: two partial files, of two URLs or uploads, can have the same bytes at the same time. */
function isBlob(path: string, digest: Digest, size: number): boolean {
  const info = statIfAny(path);
  return info?.size === size && isMark(info.mtime, digest);
}
