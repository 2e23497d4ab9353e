import { dirname } from "node:path";
import type { Digest } from "../oci/digest.ts";
import { ManifestContent } from "../snapshot/content.ts";
import { Manifests, Reachable } from "../snapshot/references.ts";
import type { CacheSnapshot } from "../snapshot/types.ts";
import type { LeaseContent } from "../store/locks/lease_format.ts";

/** What running processes use. */
export interface InUse {
  /** The folders of entries, with the process that uses each, in words for a user. */
  readonly folders: ReadonlyMap<string, string>;
  /** Ids of content. */
  readonly contentIds: ReadonlySet<number>;
  /** Paths of downloads. */
  readonly partials: ReadonlySet<string>;
  /** Why anything else may be in use too, in words for a user; undefined if all leases could be read. */
  readonly unknown?: string | undefined;
}

export const NOTHING_IN_USE: InUse = {
  folders: new Map(),
  contentIds: new Set(),
  partials: new Set(),
};

/**
 * Returns what leases hold of a cache: the entries in the folders that they name, the content with the digests that
 * they name, and everything that a manifest among these references, even if its tag has moved since.
 */
export function inUse(snapshot: CacheSnapshot, leases: readonly LeaseContent[]): InUse {
  const folders = new Map(
    leases.flatMap((lease) =>
      lease.folders.map((folder) => [folder, `${lease.command} (process ${lease.pid})`])
    ),
  );
  const digests = new Set(leases.flatMap((lease) => lease.digests));
  const unknown = leases.find(({ problem }) => problem !== undefined)?.problem?.text;
  if (folders.size + digests.size === 0) return { ...NOTHING_IN_USE, unknown };
  const ids: number[] = [];
  for (const digest of digests) snapshot.contentIndex.markBlob(digest, ids);
  for (const content of snapshot.contents) {
    if (!(content instanceof ManifestContent)) continue;
    if (!digests.has(content.digest) && !folders.has(content.path)) continue;
    for (const id of reachableFrom(snapshot, content.digest, dirname(content.path))) ids.push(id);
  }
  const partials = new Set([...digests].map((digest) => snapshot.layout.partial(digest)));
  return { folders, contentIds: new Set(ids), partials, unknown };
}

/** Returns the ids of a manifest in a repository's folder and of everything that it references. */
function reachableFrom(
  snapshot: CacheSnapshot,
  digest: Digest,
  repository: string,
): readonly number[] {
  const manifests = new Manifests(snapshot.contentIndex, repository);
  for (const [id, content] of snapshot.contents.entries()) {
    if (content instanceof ManifestContent && dirname(content.path) === repository) {
      manifests.add(content, id);
    }
  }
  const reachable = new Reachable(true);
  manifests.markDigest(digest, reachable);
  return reachable.ids;
}
