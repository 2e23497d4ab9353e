import { diskError } from "../../base/files.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import { Hasher } from "../../oci/hash.ts";
import type { BlobStore } from "../../store/blobs/blob_store.ts";
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

/**
 * Writes each regular file of a Spin archive layer to `data/` under its own digest, by which Spin's locked app refers
 * to it.
 *
 * The archive is read twice: first to check and hash all of it, so that a bad one leaves no files; then to write the
 * missing files, each as an ingest of a known digest, so that a killed process leaves only partial files.
 *
 * @throws LarderError LDR_BAD_ARCHIVE, LDR_DISK*, LDR_INTERRUPTED; LDR_DISK with the cause NotFound if the archive was
 * deleted
 */
export async function unpackArchive(
  archive: { readonly descriptor: Descriptor; readonly path: string },
  store: BlobStore,
  options: UnpackOptions = {},
): Promise<Unpacked> {
  const { path } = archive;
  const reading = {
    subject: archive.descriptor.digest,
    limits: options.limits ?? ARCHIVE_LIMITS,
    signal: options.signal,
  };
  const file = openArchive(path);
  try {
    const files = await listFiles(path, file, reading);
    const bytes = files.reduce((sum, { size }) => sum + size, 0);
    const missing = new Set(files.filter((f) => !store.find(f)).map((f) => f.digest));
    const written = missing.size > 0
      ? await writeMissing(path, file, reading, files, missing, store)
      : 0;
    return { files: files.length, bytes, written };
  } finally {
    file.close();
  }
}

function openArchive(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path, { read: true });
  } catch (error) {
    throw diskError(error, "read", path);
  }
}

/** Returns the descriptors of the regular files of an archive, in order. */
async function listFiles(
  path: string,
  file: Deno.FsFile,
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
    files.push({ mediaType: "application/octet-stream", digest: hasher.digest(), size });
  });
  return files;
}

/** Writes the files whose digests are in `missing`; returns the number of files written. */
async function writeMissing(
  path: string,
  file: Deno.FsFile,
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
