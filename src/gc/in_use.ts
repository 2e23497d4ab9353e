import { dirname } from "node:path";
import type { Digest } from "../oci/digest.ts";
import type { LeaseContent } from "../store/locks/lease_format.ts";
import { ManifestContent } from "../snapshot/contents.ts";
import { Manifests, Reachable } from "../snapshot/references.ts";
import type { CacheSnapshot } from "../snapshot/types.ts";

/** What nobody holds anything of. */
export const NOTHING_IN_USE: InUse = { folders: new Map(), places: new Set() };

/** What running processes hold. */
export interface InUse {
  /** Folders of entries, and who uses each, in words for a user. */
  readonly folders: ReadonlyMap<string, string>;
  /** Places in the survey's contents. */
  readonly places: ReadonlySet<number>;
}

/**
 * What leases hold of a cache: the entries whose folders they name, the content with the digests that they name, and
 * all that a manifest among these reaches, even if its tag has moved on.
 */
export function inUse(snapshot: CacheSnapshot, leases: readonly LeaseContent[]): InUse {
  const folders = new Map(
    leases.flatMap((lease) =>
      lease.folders.map((folder) => [folder, `${lease.command} (process ${lease.pid})`])
    ),
  );
  const digests = new Set(leases.flatMap((lease) => lease.digests));
  if (folders.size + digests.size === 0) return { folders, places: new Set() };
  const places: number[] = [];
  for (const digest of digests) snapshot.places.markBlob(digest, places);
  for (const content of snapshot.contents) {
    if (!(content instanceof ManifestContent)) continue;
    if (!digests.has(content.digest) && !folders.has(content.path)) continue;
    for (const place of reachedBy(snapshot, content.digest, dirname(content.path))) {
      places.push(place);
    }
  }
  return { folders, places: new Set(places) };
}

/** What a manifest in the folder of a repository reaches, itself included. */
function reachedBy(snapshot: CacheSnapshot, digest: Digest, repository: string): readonly number[] {
  const manifests = new Manifests(snapshot.places, repository);
  for (const [place, content] of snapshot.contents.entries()) {
    if (content instanceof ManifestContent && dirname(content.path) === repository) {
      manifests.add(content, place);
    }
  }
  const reachable = new Reachable(true);
  manifests.markDigest(digest, reachable);
  return reachable.places;
}
