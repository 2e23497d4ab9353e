import { openToRead } from "../../base/files/open_file.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import { Hasher } from "../../oci/hash.ts";
import { type BlobStore, UNPACKED } from "../blobs/blob_store.ts";
import {
  ARCHIVE_LIMITS,
  type ArchiveLimits,
  readArchive,
  type ReadArchiveOptions,
} from "./reader.ts";

export interface UnpackOptions {
  readonly signal?: AbortSignal | undefined;
  readonly limits?: ArchiveLimits;
}

/** Totals of the regular files of an archive. */
export interface Unpacked {
  readonly files: number;
  readonly bytes: number;
  /** Files that the store lacked and now has. */
  readonly written: number;
}

/** An archive and the file that holds it, open for reading, in `data/` or elsewhere. */
export interface OpenArchive {
  readonly digest: Digest;
  readonly file: Deno.FsFile;
  /** For messages. */
  readonly path: string;
}

/**
 * Writes each regular file of a Spin archive layer to `data/` under its own digest, by which Spin's locked app refers
 * to it, and records the list of these files.
 *
 * The archive is read twice: first to check and hash all of it, so that a bad one leaves no files; then to write the
 * missing files, each as an ingest of a known digest, so that a killed process leaves only partial files.
 *
 * @throws LarderError LDR_BAD_ARCHIVE, LDR_DISK*, LDR_INTERRUPTED; LDR_DISK with the cause NotFound if the cache was
 * deleted
 */
export async function unpackArchive(
  archive: OpenArchive,
  store: BlobStore,
  options: UnpackOptions = {},
): Promise<Unpacked> {
  const reading = readingOf(archive, options);
  const files = await listFiles(archive, reading);
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  const missing = new Set(files.filter((f) => !store.find(f)).map((f) => f.digest));
  const written = missing.size > 0
    ? await writeMissing(archive, reading, files, missing, store)
    : 0;
  store.setUnpacked(archive.digest, files);
  return { files: files.length, bytes, written };
}

/** Checks an archive as {@link unpackArchive} does, and writes nothing. */
export async function checkArchive(
  archive: OpenArchive,
  options: UnpackOptions = {},
): Promise<void> {
  await listFiles(archive, readingOf(archive, options));
}

/** Unpacks an archive in `data/`. @param path of the archive */
export async function unpackStoredArchive(
  archive: { readonly digest: Digest; readonly path: string },
  store: BlobStore,
  options: UnpackOptions = {},
): Promise<void> {
  using file = openToRead(archive.path);
  await unpackArchive({ ...archive, file }, store, options);
}

/**
 * Records the files of an archive that another program has unpacked, whether they are all there or not.
 * @throws LarderError as {@link unpackArchive} does
 */
export async function listStoredArchive(
  archive: { readonly digest: Digest; readonly path: string },
  store: BlobStore,
  options: UnpackOptions = {},
): Promise<void> {
  using file = openToRead(archive.path);
  const opened = { ...archive, file };
  store.setUnpacked(archive.digest, await listFiles(opened, readingOf(opened, options)));
}

function readingOf({ digest }: OpenArchive, options: UnpackOptions): ReadArchiveOptions {
  const { limits = ARCHIVE_LIMITS, signal } = options;
  return { subject: digest, limits, signal };
}

/** Returns the descriptors of the regular files of an archive, in order. */
async function listFiles(
  { path, file }: OpenArchive,
  options: ReadArchiveOptions,
): Promise<Descriptor[]> {
  const files: Descriptor[] = [];
  await readArchive(path, file, options, async (content) => {
    const hasher = new Hasher();
    let size = 0;
    for await (const chunk of content) {
      hasher.update(chunk);
      size += chunk.length;
    }
    files.push({ mediaType: UNPACKED, digest: hasher.digest(), size });
  });
  return files;
}

/** Writes the files whose digests are in `missing`; returns the number of files written. */
async function writeMissing(
  { path, file }: OpenArchive,
  options: ReadArchiveOptions,
  files: readonly Descriptor[],
  missing: Set<Digest>,
  store: BlobStore,
): Promise<number> {
  let index = 0;
  let written = 0;
  await readArchive(path, file, options, async (content) => {
    const descriptor = files[index++]!;
    if (missing.delete(descriptor.digest) && await ingest(content, descriptor, store, options)) {
      written++;
    }
  });
  return written;
}

/** @returns false if another process wrote the blob first, or the cache was deleted meanwhile */
async function ingest(
  content: AsyncIterable<Uint8Array>,
  descriptor: Descriptor,
  store: BlobStore,
  options: ReadArchiveOptions,
): Promise<boolean> {
  const ingest = await store.ingest(descriptor, { signal: options.signal });
  if (!ingest) return false;
  try {
    // Continuing from the offset would gain nothing, because the whole archive has to be read in any case.
    if (ingest.offset > 0) ingest.restart();
    for await (const chunk of content) ingest.write(chunk);
    return await ingest.commit();
  } finally {
    ingest.abort();
  }
}
