import { LarderError } from "../../base/errors.ts";
import {
  diskError,
  FILE_MODE,
  isNotFound,
  keepsModes,
  removeIfAny,
  statIfAny,
  syncFolder,
} from "../../base/files.ts";
import { COPY_BUFFER, PULL_ROUNDS, TRANSFER_BUFFER } from "../../base/limits.ts";
import type { BlobDescriptor, Descriptor } from "../../oci/descriptor.ts";
import { algorithmOf, type Digest } from "../../oci/digest.ts";
import type { BlobStream, Fetcher } from "../../oci/fetcher.ts";
import { digestOf, Hasher } from "../../oci/hash.ts";
import { isWasm, SPIN_APPLICATION } from "../../oci/media_types.ts";
import type { Layout } from "../layout.ts";
import { deletedRepeatedly, Ingest, type IngestOptions } from "./ingest.ts";

/**
 * The blobs under `data/` and `wasm/`, by digest.
 *
 * Invariant: a file that larder wrote has the digest that its name says. Files that others wrote (Spin writes
 * in place) are told by their mode and are hashed once before they count; a file system that keeps no modes cannot
 * tell, and there only the size is looked at.
 */
export class BlobStore implements Fetcher {
  readonly #layout: Layout;
  #keepsModes: boolean | undefined;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  /** Where a blob belongs, whether it is there or not. */
  pathOf(descriptor: BlobDescriptor): string {
    return this.#layout.blobOf(descriptor);
  }

  /** The path of a blob that is present, or undefined. */
  find(descriptor: BlobDescriptor): string | undefined {
    const path = this.#layout.blobOf(descriptor);
    if (this.#isBlob(path, descriptor)) return path;
    if (!isWasm(descriptor.mediaType)) return undefined;
    // Spin keeps Wasm of media types it does not know in data/, and looks for it there too.
    const other = this.#layout.blob("data", descriptor.digest);
    return this.#isBlob(other, descriptor) ? other : undefined;
  }

  /** Whether `data/` has this blob, for content that is known by its digest alone. */
  hasData(digest: Digest): boolean {
    return this.findData(digest) !== undefined;
  }

  /** Where `data/` has this blob, and its size in bytes. */
  findData(digest: Digest): { readonly hostPath: string; readonly size: number } | undefined {
    const hostPath = this.#layout.blob("data", digest);
    const info = statIfAny(hostPath);
    return info?.isFile ? { hostPath, size: info.size } : undefined;
  }

  /**
   * Begins (or resumes) writing a blob.
   *
   * @returns undefined if it is present, perhaps because another process has just written it
   * @throws LarderError LDR_DISK*, LDR_INTERRUPTED
   */
  ingest(descriptor: BlobDescriptor, options: IngestOptions = {}): Promise<Ingest | undefined> {
    return Ingest.open(
      descriptor,
      this.#layout.partial(descriptor.digest),
      this.#layout.blobOf(descriptor),
      () => this.find(descriptor) !== undefined,
      options,
    );
  }

  /**
   * Writes a blob that is in memory, unless it is present.
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

  /** Removes a blob whose bytes are not what its name says. */
  removeDamaged(descriptor: BlobDescriptor): void {
    const path = this.find(descriptor);
    if (path && !hasDigest(path, descriptor.digest)) removeIfAny(path);
  }

  /** Makes the names of committed blobs durable; to be called before anything points at them. */
  sync(): void {
    syncFolder(this.#layout.tree("data"));
    syncFolder(this.#layout.tree("wasm"));
  }

  /** Reads a blob from the store. */
  // deno-lint-ignore require-await
  async fetch(descriptor: BlobDescriptor, offset = 0): Promise<BlobStream> {
    const path = this.find(descriptor);
    if (!path) {
      throw new LarderError("LDR_NOT_CACHED", `${descriptor.digest} is not in the cache`, {
        hint: "pull what it belongs to again",
      });
    }
    return { offset, chunks: readFrom(path, offset) };
  }

  #isBlob(path: string, descriptor: BlobDescriptor): boolean {
    const info = statIfAny(path);
    if (!info?.isFile) return false;
    // Without a size to compare, a file that Spin left half-written could pass for ours by its mode.
    if (descriptor.size === undefined) return adopt(path, descriptor);
    if (info.size !== descriptor.size) return false;
    // A pull reads the locked app: one that is damaged would stop it before it can be fetched again.
    if (descriptor.mediaType === SPIN_APPLICATION) return adopt(path, descriptor);
    if (info.mode === null || (info.mode & 0o777) === FILE_MODE) return true;
    this.#keepsModes ??= keepsModes(this.#layout.lock);
    return !this.#keepsModes || adopt(path, descriptor);
  }
}

async function* readFrom(path: string, offset: number): AsyncGenerator<Uint8Array> {
  const file = Deno.openSync(path, { read: true });
  try {
    file.seekSync(offset, Deno.SeekMode.Start);
    const buffer = new Uint8Array(TRANSFER_BUFFER);
    for (let read; (read = await file.read(buffer)) !== null;) yield buffer.subarray(0, read);
  } finally {
    file.close();
  }
}

/** Hashes a file that larder did not write, and marks it as checked by giving it larder's file mode. */
function adopt(path: string, descriptor: BlobDescriptor): boolean {
  if (!hasDigest(path, descriptor.digest)) return false;
  try {
    Deno.chmodSync(path, FILE_MODE);
  } catch {
    // Another user's file: it counts, and is hashed again the next time.
  }
  return true;
}

/** Whether there is a file with this digest. @throws LarderError LDR_DISK*, if it cannot be read */
export function hasDigest(path: string, digest: Digest): boolean {
  try {
    const file = Deno.openSync(path, { read: true });
    const hasher = new Hasher(algorithmOf(digest));
    try {
      const buffer = new Uint8Array(COPY_BUFFER);
      for (let read; (read = file.readSync(buffer)) !== null;) {
        hasher.update(buffer.subarray(0, read));
      }
    } finally {
      file.close();
    }
    return hasher.digest() === digest;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw diskError(error, "read", path);
  }
}
