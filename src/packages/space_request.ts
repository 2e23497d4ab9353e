import { statIfAny } from "../base/files/files.ts";
import type { Digest } from "../oci/digest.ts";
import { digestOf } from "../oci/hash.ts";
import type { SpaceRequest } from "../pull/room.ts";
import type { Layout } from "../store/layout.ts";
import type { PackageSession } from "./package_session.ts";
import type { PackageRequest } from "./package_request.ts";
import { partialKey } from "./url_request.ts";

/** 1 MiB to free for a package whose size no server has stated yet; later rounds free more. */
const UNKNOWN_SIZE = 1024 * 1024;

/** 16 KiB to free for the record of a package that is there. */
const RECORD_SIZE = 16 * 1024;

/** Files and folders of a package. */
const PACKAGE_FILES = 8;

/**
 * Returns the space that a fetch still needs, and what it uses of the cache.
 * @param left the packages that are not fetched yet
 * @param fetched digests of those that are
 */
export function spaceRequest(
  session: PackageSession,
  requests: readonly PackageRequest[],
  left: readonly PackageRequest[],
  fetched: readonly Digest[],
): SpaceRequest {
  return {
    bytes: left.reduce((sum, request) => sum + restOf(session, request), 0),
    files: PACKAGE_FILES * left.length,
    folders: requests.map(({ id }) => session.packages.folder(id)),
    digests: [
      ...fetched,
      ...left.flatMap((request) => partialOf(request) ?? []),
      ...[...session.arrived.values()].map(({ digest }) => digest),
    ],
  };
}

/** Returns the bytes of a package that are still to be written: its partial file may have some, its blob has all. */
function restOf(session: PackageSession, request: PackageRequest): number {
  const { arrived, blobs, layout, sizes } = session;
  const digest = arrived.get(request)?.digest ?? request.digest;
  if (digest !== undefined && blobs.findData(digest)) return RECORD_SIZE;
  const size = request.size ?? sizes.get(request) ?? UNKNOWN_SIZE;
  const partial = partialOf(request);
  return Math.max(0, size - (partial && statIfAny(layout.partial(partial))?.size || 0));
}

/** Bytes of the indexes that a resolution writes to the cache, by their digests. */
export type IndexSizes = Map<Digest, number>;

/** Returns the space that indexes still need, and their digests, which a collector must keep. */
export function spaceForIndexes(layout: Layout, sizes: IndexSizes): SpaceRequest {
  const rests = [...sizes].map(([digest, size]) => {
    if (statIfAny(layout.blob("data", digest))) return RECORD_SIZE;
    return Math.max(0, size - (statIfAny(layout.partial(digest))?.size ?? 0));
  });
  return {
    bytes: rests.reduce((sum, rest) => sum + rest, 0),
    files: PACKAGE_FILES * sizes.size,
    folders: [],
    digests: [...sizes.keys()],
  };
}

/** Returns the digest that is the name of the partial file of a package. */
function partialOf({ digest, urls: [url] }: PackageRequest): Digest | undefined {
  return digest ?? (url === undefined ? undefined : digestOf(partialKey(url)));
}
