import { isStillAt } from "../../base/files/files.ts";
import { TRANSFER_BUFFER } from "../../base/limits.ts";
import { algorithmOf } from "../../oci/digest.ts";
import { Hasher } from "../../oci/hash.ts";
import type { ByteRange } from "./byte_range.ts";
import { isOfDisk, type SharedDownload } from "./downloads.ts";
import { CHUNK, type Chunk, chunkLength, streamOf } from "./sent_chunks.ts";
import { streamUnstored } from "./unstored_blob.ts";

/** Returns the path of the blob once it is committed; undefined if it has been deleted since. */
export type FindBlob = () => Promise<string | undefined>;

/**
 * Reads a range of a blob that is being downloaded, from its partial file.
 *
 * Invariant: the last byte of the range is delivered only when the blob is committed, so that no client ever gets a
 * complete wrong body. If the partial file was started over, or another process wrote it, what was delivered is first
 * compared with the committed blob.
 */
export class BlobReader {
  readonly #download: SharedDownload;
  readonly #range: ByteRange;
  readonly #find: FindBlob;
  #position: number;
  #file: Deno.FsFile | undefined;
  /** The generation of the partial file that was read; undefined if another process wrote it. */
  #generation: number | undefined;
  /** Hashes what was delivered of a file that this process did not write. */
  #delivered: Hasher | undefined;

  constructor(download: SharedDownload, range: ByteRange, find: FindBlob) {
    this.#download = download;
    this.#range = range;
    this.#find = find;
    this.#position = range.start;
  }

  /**
   * Waits until a byte of the range can be delivered.
   * @throws what the download failed with, before anything is delivered
   */
  async ready(): Promise<void> {
    for (;;) {
      const { progress } = this.#download;
      if (progress.state === "done") return;
      if (progress.state === "failed") {
        if (isOfDisk(progress.error)) return;
        throw progress.error;
      }
      if (Math.min(progress.length, this.#range.end - 1) > this.#position) return;
      await this.#download.change;
    }
  }

  /** Returns the bytes of the range as a stream, which fails if the download does. */
  stream(): ReadableStream<Uint8Array> {
    const chunks = this.#chunks();
    return streamOf({
      next: async () => (await chunks.next()).value ?? undefined,
      close: () => void chunks.return(undefined),
    });
  }

  async *#chunks(): AsyncGenerator<Chunk, void> {
    try {
      while (this.#position < this.#range.end) {
        const { progress, change } = this.#download;
        if (progress.state === "done") return yield* this.#rest(progress.generation);
        if (progress.state === "failed") {
          if (!isOfDisk(progress.error)) throw progress.error;
          return yield* this.#unstored();
        }
        const chunk = await this.#nextChunk();
        if (!chunk) await change;
        else yield chunk;
      }
    } finally {
      this.#file?.close();
      this.#file = undefined;
    }
  }

  /** Returns the next bytes of the partial file; undefined if the download has to change first. */
  async #nextChunk(): Promise<Chunk | undefined> {
    const { progress } = this.#download;
    if (progress.state !== "own" && progress.state !== "foreign") return undefined;
    const limit = Math.min(progress.length, this.#range.end - 1);
    if (limit <= this.#position) return undefined;
    const generation = progress.state === "own" ? progress.generation : undefined;
    if (!await this.#isContinued(generation)) return undefined;
    // What has just arrived is in memory, where a synchronous read takes a fifth of the time.
    const chunk = readSomeSync(this.#file!, this.#position, limit);
    this.#position += chunk?.length ?? 0;
    if (chunk) this.#delivered?.update(chunk);
    return chunk;
  }

  /** True if the partial file continues what was delivered. */
  async #isContinued(generation: number | undefined): Promise<boolean> {
    const { partial } = this.#download;
    if (this.#file && generation !== undefined && generation === this.#generation) return true;
    if (!this.#file || this.#position === this.#range.start) {
      this.#file?.close();
      this.#file = tryOpen(partial);
      this.#generation = generation;
      this.#delivered = generation === undefined ? this.#newHasher() : undefined;
      return this.#file !== undefined;
    }
    await this.#hashDelivered();
    return generation === undefined && isStillAt(this.#file, partial);
  }

  /** From now on what was delivered has to be compared with the committed blob. */
  async #hashDelivered(): Promise<void> {
    this.#generation = undefined;
    if (this.#delivered || !this.#file) return;
    this.#delivered = this.#newHasher();
    await hashRange(this.#delivered, this.#file, this.#range.start, this.#position);
  }

  /** Delivers the rest from the committed blob, which may have been deleted since, but not if this process wrote it. */
  async *#rest(generation: number | undefined): AsyncGenerator<Chunk, void> {
    const isOwn = generation !== undefined && generation === this.#generation && !this.#delivered;
    if ((!this.#file || !isOwn) && !await this.#openCommitted()) return yield* this.#unstored();
    while (this.#position < this.#range.end) {
      const chunk = await readSome(this.#file!, this.#position, this.#range.end);
      if (!chunk) throw new Error("the blob was truncated while it was served");
      this.#position += chunk.length;
      yield chunk;
    }
  }

  /**
   * Opens the committed blob, which must have what was delivered.
   * @returns false if this user may not read it
   */
  async #openCommitted(): Promise<boolean> {
    const path = await this.#find();
    if (path === undefined) throw new Error("the blob was deleted while it was served");
    const file = tryOpen(path);
    if (!file) {
      this.#download.warnUnreadable(path);
      return false;
    }
    if (this.#position > this.#range.start && !await this.#isPartOf(file)) {
      file.close();
      throw new Error("the client was sent bytes that the blob does not have");
    }
    this.#file?.close();
    this.#file = file;
    return true;
  }

  /** True if a file has what was delivered. */
  async #isPartOf(file: Deno.FsFile): Promise<boolean> {
    await this.#hashDelivered();
    const expected = this.#newHasher();
    await hashRange(expected, file, this.#range.start, this.#position);
    return expected.digest() === this.#delivered!.digest();
  }

  /** Delivers the rest from the registry, because the disk does not take or give the blob. */
  async *#unstored(): AsyncGenerator<Chunk, void> {
    const { descriptor, source } = this.#download;
    const hasher = this.#newHasher();
    const position = this.#position;
    const hashed = this.#file ? await hashRange(hasher, this.#file, 0, position) : 0;
    const end = this.#range.end;
    const rest = streamUnstored(source, descriptor, { hasher, hashed, position, end });
    for await (const chunk of rest) {
      this.#position += chunk.length;
      yield chunk;
    }
  }

  #newHasher(): Hasher {
    return new Hasher(algorithmOf(this.#download.descriptor.digest));
  }
}

/** Reads bytes of a file at a position; returns undefined at its end. */
export async function readSome(
  file: Deno.FsFile,
  position: number,
  end: number,
): Promise<Chunk | undefined> {
  const buffer = new Uint8Array(Math.min(chunkLength(), end - position));
  file.seekSync(position, Deno.SeekMode.Start);
  const length = await file.read(buffer);
  return length === null ? undefined : buffer.subarray(0, length);
}

function readSomeSync(
  file: Deno.FsFile,
  position: number,
  end: number,
): Chunk | undefined {
  const buffer = new Uint8Array(Math.min(CHUNK, end - position));
  file.seekSync(position, Deno.SeekMode.Start);
  const length = file.readSync(buffer);
  return length === null ? undefined : buffer.subarray(0, length);
}

/** Hashes a range of a file, up to its end. @returns the position at which the hashed bytes end */
async function hashRange(
  hasher: Hasher,
  file: Deno.FsFile,
  start: number,
  end: number,
): Promise<number> {
  const buffer = new Uint8Array(TRANSFER_BUFFER);
  let position = start;
  file.seekSync(start, Deno.SeekMode.Start);
  while (position < end) {
    const length = await file.read(buffer.subarray(0, Math.min(buffer.length, end - position)));
    if (length === null) break;
    hasher.update(buffer.subarray(0, length));
    position += length;
  }
  return position;
}

/** Opens a file; returns undefined if that fails. */
export function tryOpen(path: string): Deno.FsFile | undefined {
  try {
    return Deno.openSync(path, { read: true });
  } catch {
    return undefined;
  }
}
