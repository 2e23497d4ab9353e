import { dirname } from "node:path";
import type { Digest } from "../oci/digest.ts";
import type { LeaseContent } from "../store/locks/leases.ts";
import { ManifestContent } from "../snapshot/contents.ts";
import { Manifests, Reach } from "../snapshot/references.ts";
import type { Survey } from "../snapshot/types.ts";

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
export function inUse(survey: Survey, leases: readonly LeaseContent[]): InUse {
  const folders = new Map(
    leases.flatMap((lease) =>
      lease.folders.map((folder) => [folder, `${lease.command} (process ${lease.pid})`])
    ),
  );
  const digests = new Set(leases.flatMap((lease) => lease.digests));
  if (folders.size + digests.size === 0) return { folders, places: new Set() };
  const places: number[] = [];
  for (const digest of digests) survey.places.collectBlob(digest, places);
  for (const content of survey.contents) {
    if (!(content instanceof ManifestContent)) continue;
    if (!digests.has(content.digest) && !folders.has(content.path)) continue;
    for (const place of reachedBy(survey, content.digest, dirname(content.path))) {
      places.push(place);
    }
  }
  return { folders, places: new Set(places) };
}

/** What a manifest in the folder of a repository reaches, itself included. */
function reachedBy(survey: Survey, digest: Digest, repository: string): readonly number[] {
  const manifests = new Manifests(survey.places, repository);
  for (const [place, content] of survey.contents.entries()) {
    if (content instanceof ManifestContent && dirname(content.path) === repository) {
      manifests.add(content, place);
    }
  }
  const reach = new Reach(true);
  manifests.collectDigest(digest, reach);
  return reach.places;
}
