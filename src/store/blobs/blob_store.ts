import { LarderError } from "../../base/errors.ts";
import {
  ensureFolder,
  isNotFound,
  removeIfAny,
  statIfAny,
  syncFolder,
} from "../../base/files/files.ts";
import { readChunks } from "../../base/files/read_chunks.ts";
import { diskError } from "../../base/files/system_error.ts";
import { COPY_BUFFER, PULL_ROUNDS } from "../../base/limits.ts";
import type { BlobDescriptor, Descriptor } from "../../oci/descriptor.ts";
import { algorithmOf, type Digest, type DigestAlgorithm } from "../../oci/digest.ts";
import type { BlobStream, Fetcher } from "../../oci/fetcher.ts";
import { digestOf, Hasher } from "../../oci/hash.ts";
import { isWasm } from "../../oci/media_types.ts";
import type { Layout, Tree } from "../layout.ts";
import { type ArchiveFile, readArchiveFiles, writeArchiveFiles } from "./archive_files.ts";
import { deletedRepeatedly, Ingest, type IngestOptions } from "./ingest.ts";
import { isMark, tryMark } from "./verified_mark.ts";

/** Media type of a file of an archive. */
export const UNPACKED = "application/octet-stream";

/**
 * The blobs under `data/` and `wasm/`, by digest.
 *
 * Invariant: a blob that is found has the digest of its name. Files of other programs (Spin writes in place) lack the
 * mark of a checked blob, and are hashed once before they count.
 */
export class BlobStore implements Fetcher {
  readonly #layout: Layout;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  /** Returns the path of a blob, whether it exists or not. */
  pathOf(descriptor: BlobDescriptor): string {
    return this.#layout.blobOf(descriptor);
  }

  /** Returns the path of a blob, or undefined if it is missing. */
  find(descriptor: BlobDescriptor): string | undefined {
    const path = this.#layout.blobOf(descriptor);
    if (this.#isBlob(path, descriptor)) return path;
    if (!isWasm(descriptor.mediaType)) return undefined;
    // Spin writes Wasm of media types that it does not know to data/, and reads it from there.
    const other = this.#layout.blob("data", descriptor.digest);
    return this.#isBlob(other, descriptor) ? other : undefined;
  }

  /**
   * Returns the path of a blob like {@link find}, but hashes a file without the mark in another thread, for a server
   * that has to answer others meanwhile. A file with other content is removed, and counts as missing.
   *
   * @throws LarderError LDR_DISK*
   */
  async findHashed(descriptor: BlobDescriptor): Promise<string | undefined> {
    const { digest, size } = descriptor;
    const trees: Tree[] = isWasm(descriptor.mediaType) ? ["wasm", "data"] : ["data"];
    for (const tree of trees) {
      const path = this.#layout.blob(tree, digest);
      const info = statIfAny(path);
      if (!info?.isFile || info.size !== (size ?? info.size)) continue;
      if (isMark(info.mtime, digest)) return path;
      const { hashFiles } = await import("./hash_files.ts");
      const file = { path, algorithm: algorithmOf(digest), size: info.size };
      const [hashed] = await hashFiles([file], { threads: 1 });
      if (!hashed || "error" in hashed) continue;
      if (hashed.digest === digest) {
        tryMark(path, digest);
        return path;
      }
      removeIfAny(path);
    }
    return undefined;
  }

  /** Returns the path in `data/` and size in bytes of the blob with this digest, or undefined if it is missing. */
  findData(digest: Digest): { readonly hostPath: string; readonly size: number } | undefined {
    const hostPath = this.#layout.blob("data", digest);
    const size = sizeOfBlob(hostPath, { digest });
    return size === undefined ? undefined : { hostPath, size };
  }

  /**
   * True if `data/` has all files of an archive. Spin takes every archive in `data/` for unpacked, so the archive gets
   * its name after the files in it.
   */
  isUnpacked(archive: Digest): boolean {
    return readArchiveFiles(this.#layout.archiveFiles(archive))
      ?.every((file) => this.find({ mediaType: UNPACKED, ...file }) !== undefined) ?? false;
  }

  /**
   * Records the files that an archive was unpacked to, and makes their names durable.
   * @throws LarderError LDR_DISK*
   */
  setUnpacked(archive: Digest, files: readonly ArchiveFile[]): void {
    syncFolder(this.#layout.tree("data"));
    ensureFolder(this.#layout.archives);
    writeArchiveFiles(this.#layout.archiveFiles(archive), files);
  }

  /**
   * Starts or resumes writing a blob to the tree of its media type.
   *
   * @returns undefined if the blob is present, perhaps because another process has just written it
   * @throws LarderError LDR_DISK*, LDR_INTERRUPTED
   */
  ingest(descriptor: BlobDescriptor, options: IngestOptions = {}): Promise<Ingest | undefined> {
    return Ingest.open(
      descriptor,
      this.#layout.partial(descriptor.digest),
      this.#layout.blobOf(descriptor),
      () => this.#isBlob(this.pathOf(descriptor), descriptor),
      options,
    );
  }

  /**
   * Writes bytes as a blob, unless it is present.
   * @throws LarderError LDR_DISK*, LDR_INTERRUPTED
   */
  async write(
    bytes: Uint8Array,
    mediaType: string,
    options: IngestOptions = {},
  ): Promise<Descriptor> {
    const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length };
    for (let round = 0; round < PULL_ROUNDS; round++) {
      const ingest = await this.ingest(descriptor, options);
      if (!ingest) return descriptor;
      try {
        if (ingest.offset > 0) ingest.restart();
        ingest.write(bytes);
        if (await ingest.commit()) return descriptor;
      } finally {
        ingest.abort();
      }
    }
    throw deletedRepeatedly(descriptor);
  }

  /** Removes a blob if its bytes do not have its digest. */
  removeDamaged(descriptor: BlobDescriptor): void {
    const path = this.find(descriptor);
    if (path && !hasDigest(path, descriptor.digest)) removeIfAny(path);
  }

  /** Makes the names of committed blobs durable; the caller must do so before it writes a reference to them. */
  sync(): void {
    syncFolder(this.#layout.tree("data"));
    syncFolder(this.#layout.tree("wasm"));
  }

  /** Opens a blob in the store at `offset`. @throws LarderError LDR_NOT_CACHED if it is missing */
  // deno-lint-ignore require-await
  async fetch(descriptor: BlobDescriptor, offset = 0): Promise<BlobStream> {
    const path = this.find(descriptor);
    if (!path) {
      throw new LarderError("LDR_NOT_CACHED", `${descriptor.digest} is not in the cache`, {
        hint: "pull the artifact that contains it again",
      });
    }
    return { offset, chunks: readChunks(path, { offset }) };
  }

  #isBlob(path: string, descriptor: BlobDescriptor): boolean {
    return sizeOfBlob(path, descriptor) !== undefined;
  }
}

/** Returns the size of a file in bytes if it is the blob of a descriptor; marks it if it had to be hashed. */
function sizeOfBlob(
  path: string,
  { digest, size }: Pick<BlobDescriptor, "digest" | "size">,
): number | undefined {
  const info = statIfAny(path);
  if (!info?.isFile || info.size !== (size ?? info.size)) return undefined;
  if (isMark(info.mtime, digest)) return info.size;
  if (!hasDigest(path, digest)) return undefined;
  tryMark(path, digest);
  // Spin may have begun to write over it before it was marked.
  return statIfAny(path)?.size === info.size ? info.size : undefined;
}

/** True if a file exists and has this digest. @throws LarderError LDR_DISK* if it cannot be read */
export function hasDigest(path: string, digest: Digest): boolean {
  return digestOfFile(path, algorithmOf(digest)) === digest;
}

/** Returns the digest of a file; undefined if there is none. @throws LarderError LDR_DISK* if it cannot be read */
export function digestOfFile(path: string, algorithm: DigestAlgorithm): Digest | undefined {
  try {
    const file = Deno.openSync(path, { read: true });
    const hasher = new Hasher(algorithm);
    try {
      const buffer = new Uint8Array(COPY_BUFFER);
      for (let read; (read = file.readSync(buffer)) !== null;) {
        hasher.update(buffer.subarray(0, read));
      }
    } finally {
      file.close();
    }
    return hasher.digest();
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw diskError(error, "read", path);
  }
}
