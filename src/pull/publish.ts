import { hasCode } from "../base/errors.ts";
import { isDeletionError } from "../base/files.ts";
import { formatReference, type Reference } from "../oci/reference.ts";
import type { BlobStore } from "../store/blobs/blob_store.ts";
import type { ImageParts } from "../store/image_parts.ts";
import type { EntryRecord } from "../store/entries/app_record.ts";
import type { ManifestStore } from "../store/manifest_store.ts";
import type { Selection } from "./select_platforms.ts";
import type { ResolvedReference } from "./result.ts";

/** What is to be published, and where. */
export interface Publishing {
  readonly reference: Reference;
  readonly selection: Selection;
  readonly resolved: ResolvedReference;
  /** The record of the entry so far. */
  readonly before: EntryRecord | undefined;
  readonly allPlatforms: boolean;
  readonly foreign: boolean;
  /** Whether anything came over the network. */
  readonly fetched: boolean;
  readonly blobs: BlobStore;
  readonly manifests: ManifestStore;
  readonly parts: ImageParts;
}

/**
 * Gives a reference its content, leaves before roots: the blobs are there, then come the manifests by digest, the
 * tag's folder, and the record last of all.
 *
 * @returns false if somebody deleted the cache meanwhile, so that the entry is not whole
 * @throws LarderError LDR_DISK*
 */
export async function publish(publishing: Publishing): Promise<boolean> {
  const { reference, selection, blobs, manifests, parts } = publishing;
  if ((await parts.missing(selection)).length > 0) return false;
  blobs.sync();
  try {
    for (const image of selection.images) {
      manifests.publishManifest(reference, image, parts.configSource(image));
    }
    for (const index of selection.indexes.toReversed()) manifests.publishManifest(reference, index);
    manifests.publishTag(reference, selection.chosen);
    manifests.publishRecord(reference, recordOf(publishing));
  } catch (error) {
    if (isDeletionError(error)) return false;
    throw error;
  }
  return (await parts.missing(selection)).length === 0 &&
    await manifests.isPublished(reference, selection.chosen);
}

/**
 * Writes down when an entry that is whole was checked, and on a disk that takes no more writes only marks it as used,
 * if that: it is whole and current all the same. Somebody who deletes it meanwhile meant to.
 */
export function confirm(publishing: Publishing): void {
  const { reference, resolved, manifests } = publishing;
  try {
    manifests.confirmRecord(reference, recordOf(publishing));
  } catch (error) {
    if (hasCode(error, "LDR_DISK_FULL", "LDR_READ_ONLY", "LDR_PERMISSION")) {
      manifests.touch(reference, resolved.checkedAt);
    } else if (!isDeletionError(error)) throw error;
  }
}

function recordOf(
  { reference, selection, resolved, before, ...rest }: Publishing,
): EntryRecord {
  const { top, chosen, platform } = selection;
  const checkedAt = new Date(resolved.checkedAt).toISOString();
  const moved = before?.digest !== top.digest;
  const changed = rest.fetched || moved || before.manifestDigest !== chosen.digest;
  return {
    schemaVersion: 1,
    reference: formatReference(reference),
    digest: top.digest,
    mediaType: top.mediaType,
    manifestDigest: chosen.digest,
    ...(platform && { platform }),
    ...((rest.allPlatforms || (!moved && before?.allPlatforms)) && { allPlatforms: true }),
    ...((rest.foreign || (!moved && before?.foreign)) && { foreign: true }),
    pulledAt: changed ? checkedAt : before.pulledAt,
    checkedAt,
  };
}
