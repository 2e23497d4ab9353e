import { finished } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Pack, pack } from "tar-stream";
import { throwIfAborted } from "../../base/errors.ts";
import { readChunks } from "../../base/files/read_chunks.ts";
import { algorithmOf } from "../../oci/digest.ts";
import { Hasher } from "../../oci/hash.ts";
import { type Compression, compressor } from "../compression.ts";
import type { StoredBlob } from "../content/entry_content.ts";
import type { LayoutFiles } from "./layout_files.ts";
import { damagedInCache, type PlaceOptions } from "./place_files.ts";

export interface ArchiveOptions extends PlaceOptions {
  readonly compression?: Compression | undefined;
}

/** Mode and time of every member: the same entries give the same archive. */
const MEMBER = { mode: 0o644, mtime: new Date(0) };

/**
 * Writes the files of a layout as a tar file. Blobs are verified as they are read.
 *
 * @param write receives the bytes in order
 * @throws LarderError LDR_DIGEST_MISMATCH, LDR_DISK*, LDR_INTERRUPTED, LDR_USAGE if this build has no zstd
 */
export async function writeArchive(
  files: LayoutFiles,
  write: (bytes: Uint8Array) => void,
  options: ArchiveOptions,
): Promise<void> {
  const tar = pack();
  // The pipeline replaces some errors of its last stage by that it was aborted.
  let failure: unknown;
  const output = async (chunks: AsyncIterable<unknown>) => {
    for await (const chunk of chunks) {
      try {
        write(chunk as Uint8Array);
      } catch (error) {
        failure = error;
        throw error;
      }
    }
  };
  const source = tar as unknown as NodeJS.ReadableStream;
  const { compression, signal } = options;
  const written = compression
    ? pipeline(source, compressor(compression), output)
    : pipeline(source, output);
  // Its failure ends `addFiles`, too; whichever comes first is the cause.
  const added = addFiles(tar, files, options).catch((error) => {
    tar.destroy(error);
    throw error;
  });
  const results = await Promise.allSettled([written, added]);
  throwIfAborted(signal);
  if (failure !== undefined) throw failure;
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

async function addFiles(tar: Pack, files: LayoutFiles, options: ArchiveOptions): Promise<void> {
  for (const [name, bytes] of files.documents) {
    tar.entry({ ...MEMBER, name }, bytes as Buffer);
  }
  for (const [name, blob] of files.blobs) await addBlob(tar, name, blob, options);
  tar.finalize();
}

async function addBlob(
  tar: Pack,
  name: string,
  blob: StoredBlob,
  options: PlaceOptions,
): Promise<void> {
  const member = tar.entry({ ...MEMBER, name, size: blob.descriptor.size });
  const stream = member as unknown as NodeJS.WritableStream;
  const ended = new Promise<void>((resolve, reject) => {
    finished(stream, (error) => error ? reject(error) : resolve());
  });
  ended.catch(() => {});
  await copyVerified(blob, async (bytes) => {
    if (!member.write(bytes)) await Promise.race([drained(member), ended]);
  }, options);
  member.end(undefined);
  await ended;
}

/**
 * Reads a blob of the cache, and verifies it.
 * @param write receives the bytes in order
 * @throws LarderError LDR_DIGEST_MISMATCH, LDR_DISK*, LDR_INTERRUPTED; bytes were written then
 */
export async function copyVerified(
  { descriptor, path }: StoredBlob,
  write: (bytes: Uint8Array) => void | Promise<void>,
  { progressed, signal }: PlaceOptions,
): Promise<void> {
  const { size, digest } = descriptor;
  const hasher = new Hasher(algorithmOf(digest));
  let length = 0;
  for await (const chunk of readChunks(path, { keepsChunks: true })) {
    throwIfAborted(signal);
    length += chunk.length;
    if (length > size) break;
    hasher.update(chunk);
    await write(chunk);
    progressed?.(chunk.length);
  }
  if (length !== size || hasher.digest() !== digest) throw damagedInCache(descriptor);
}

function drained(stream: { once(event: string, listener: () => void): unknown }): Promise<void> {
  return new Promise((resolve) => stream.once("drain", () => resolve()));
}
