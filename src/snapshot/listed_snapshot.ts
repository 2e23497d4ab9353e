import { LarderError } from "../base/errors.ts";
import { GRACE_AGE } from "../base/limits.ts";
import type { Digest } from "../oci/digest.ts";
import { SPIN_ARCHIVE } from "../oci/media_types.ts";
import { BlobStore, hasDigest } from "../store/blobs/blob_store.ts";
import { isMark } from "../store/blobs/verified_mark.ts";
import type { Layout } from "../store/layout.ts";
import { type SnapshotOptions, takeSnapshot } from "./snapshot.ts";
import type { CacheSnapshot } from "./types.ts";

/**
 * Takes a snapshot that knows the files of every archive, for a program that removes content. An archive that only Spin
 * has unpacked is read once for this, 1.1 s for one of 52 MiB, and the list of its files is stored.
 *
 * @throws LarderError as {@link takeSnapshot} does; LDR_INTERRUPTED
 */
export async function takeListedSnapshot(
  layout: Layout,
  now: number,
  { signal, ...options }: SnapshotOptions & { readonly signal?: AbortSignal | undefined } = {},
): Promise<CacheSnapshot> {
  const snapshot = await takeSnapshot(layout, now, options);
  const unlisted = [...snapshot.contentIndex.unlistedArchives, ...replacedArchives(snapshot)];
  if (unlisted.length === 0) return snapshot;
  const store = new BlobStore(layout);
  for (const digest of unlisted) await list(store, digest, signal);
  return await takeSnapshot(layout, now, options);
}

/**
 * Returns the blobs that may be archives which no manifest names any more, because Spin has pulled another version since.
 * They are kept for the grace age. Those that larder unpacked are listed already.
 */
function replacedArchives({ contents, referenceCounts, takenAt }: CacheSnapshot): Digest[] {
  return contents.filter((content, id) => {
    if (referenceCounts[id]! > 0 || content.tree !== "data" || content.filesPath) return false;
    const { mtime } = content.state();
    return takenAt - mtime < GRACE_AGE && !isMark(new Date(mtime), content.digest) &&
      isGzip(content.path);
  }).map(({ digest }) => digest);
}

function isGzip(path: string): boolean {
  const start = new Uint8Array(2);
  try {
    using file = Deno.openSync(path, { read: true });
    if (!file.statSync().isFile) return false;
    return file.readSync(start) === 2 && start[0] === 0x1f && start[1] === 0x8b;
  } catch {
    return false; // Deleted, or of another user.
  }
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
