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

/** Counts of regular files. */
export interface Unpacked {
  readonly files: number;
  /** The size of all of them. */
  readonly bytes: number;
  /** How many were not in the store and now are. */
  readonly written: number;
}

/**
 * Puts each regular file of a Spin archive layer into `data/` under its own digest, where Spin's locked app
 * points at it.
 *
 * The archive is read twice: first to check and hash all of it, so that a bad one leaves nothing behind, then to
 * write what is missing, each file as an ingest of a known digest, so that a kill leaves only partials.
 *
 * @throws LarderError LDR_BAD_ARCHIVE, LDR_DISK*, LDR_INTERRUPTED; an archive that is gone is LDR_DISK, caused by
 * NotFound
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
    const written = missing.size > 0 ? await write(path, file, reading, files, missing, store) : 0;
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

/** The files of an archive, in its order, as the blobs that they are to be. */
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

/** Writes the files whose digests are `missing`, and returns how many that were. */
async function write(
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

/** @returns false if another process wrote the blob first, or deleted the cache meanwhile */
async function ingest(
  content: AsyncIterable<Uint8Array>,
  descriptor: Descriptor,
  store: BlobStore,
  options: ReadArchiveOptions,
): Promise<boolean> {
  const ingest = await store.ingest(descriptor, { signal: options.signal });
  if (!ingest) return false;
  try {
    // The archive has to be read through in any case, so going on from an offset would gain nothing.
    if (ingest.offset > 0) ingest.restart();
    for await (const chunk of content) ingest.write(chunk);
    return await ingest.commit();
  } finally {
    ingest.abort();
  }
}
