import { LarderError } from "../base/errors.ts";
import type { Digest } from "../oci/digest.ts";
import { SPIN_ARCHIVE } from "../oci/media_types.ts";
import { BlobStore, hasDigest } from "../store/blobs/blob_store.ts";
import type { Layout } from "../store/layout.ts";
import { takeSnapshot } from "./snapshot.ts";
import type { CacheSnapshot } from "./types.ts";

/**
 * Takes a snapshot that knows the files of every archive, for a program that removes content. An archive that only Spin
 * has unpacked is read once for this, a second for 100 MiB, and the list of its files is stored.
 *
 * @throws LarderError as {@link takeSnapshot} does; LDR_INTERRUPTED
 */
export async function takeListedSnapshot(
  layout: Layout,
  now: number,
  signal?: AbortSignal,
): Promise<CacheSnapshot> {
  const snapshot = await takeSnapshot(layout, now);
  const { unlistedArchives } = snapshot.contentIndex;
  if (unlistedArchives.size === 0) return snapshot;
  const store = new BlobStore(layout);
  for (const digest of unlistedArchives) await list(store, digest, signal);
  return await takeSnapshot(layout, now);
}

async function list(store: BlobStore, digest: Digest, signal?: AbortSignal): Promise<void> {
  const path = store.pathOf({ mediaType: SPIN_ARCHIVE, digest });
  try {
    // Not found by the store, which would mark the archive, so that it passed for young.
    if (!hasDigest(path, digest)) return; // Spin was killed while it wrote it, or is writing it.
    const { listStoredArchive } = await import("../store/archive/unpack.ts");
    await listStoredArchive({ digest, path }, store, { signal });
  } catch (error) {
    // A bad archive, or a cache that cannot be read or written: what the locked app names is kept nevertheless.
    if (!(error instanceof LarderError) || error.code === "LDR_INTERRUPTED") throw error;
  }
}
