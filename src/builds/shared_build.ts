import { systemClock } from "../base/concurrency.ts";
import { hasCode } from "../base/errors.ts";
import { type Room, withRoom } from "../pull/room.ts";
import { transfer } from "../pull/transfer/transfer.ts";
import type { SharedContent } from "../registry/shared/shared_content.ts";
import { SharedFetcher } from "../registry/shared/shared_fetcher.ts";
import { BlobStore } from "../store/blobs/blob_store.ts";
import {
  type BuildRecord,
  formatBuildRecord,
  keyBlobOf,
  parseBuildRecord,
} from "../store/entries/build_record.ts";
import type { BuildStore } from "../store/entries/build_store.ts";
import type { Layout } from "../store/layout.ts";
import type { StoreLockOptions } from "../store/locks/store_lock.ts";
import type { Key } from "./key/key.ts";

export interface SharedBuildDependencies {
  readonly layout: Layout;
  readonly store: BuildStore;
  readonly shared?: SharedContent | undefined;
  /** Undefined if a full disk is an error at once. */
  readonly space?: Room | undefined;
  readonly note: (message: string) => void;
}

/** Files and folders of a result: its blob, its key document and its record. */
const SHARED_FILES = 4;

/**
 * Brings the result that another machine has built for a key into the cache.
 * @returns false if the shared cache has none
 * @throws LarderError LDR_DISK*, LDR_BUSY, LDR_INTERRUPTED
 */
export async function fetchSharedBuild(
  key: Key,
  { layout, store, shared, space, note }: SharedBuildDependencies,
  options: StoreLockOptions,
): Promise<boolean> {
  const value = await shared?.record("builds", key.digest, options.signal);
  const record = parseBuildRecord(JSON.stringify(value ?? null));
  if (!shared || record?.specification !== key.digest) return false;
  const blobs = new BlobStore(layout);
  const { signal } = options;
  const { digest, size } = record;
  const folders = [layout.buildFolder(record.specification)];
  const open = () => blobs.ingest(record, { signal });
  const request = () => ({ bytes: size, files: SHARED_FILES, folders, digests: [digest] });
  try {
    await withRoom(layout, async () => {
      await transfer(new SharedFetcher(shared), record, open, { clock: systemClock, signal });
      const isStated = record.specificationSize === key.bytes.length;
      if (isStated) await store.add(record, key.bytes, signal);
    }, { room: space, request, note, ...options });
    return true;
  } catch (error) {
    if (!hasCode(error, "LDR_NOT_FOUND")) throw error;
    // It is built, perhaps to other content, so that what has come of it would be left.
    (await open())?.discard();
    return false;
  }
}

/** Offers a result to the shared cache, with its key document. @param replaces true if an earlier one is replaced */
export function offerBuild(
  record: BuildRecord,
  { layout, shared }: SharedBuildDependencies,
  replaces: boolean,
): void {
  const blobs = new BlobStore(layout);
  const key = keyBlobOf(record);
  shared?.offer({
    blobs: [record, ...key ? [key] : []]
      .map((descriptor) => ({ descriptor, path: blobs.pathOf(descriptor) })),
    record: {
      kind: "builds",
      name: record.specification,
      value: JSON.parse(formatBuildRecord(record)),
    },
    replaces,
  });
}
