import { hasCode } from "../base/errors.ts";
import { isDeletionError } from "../base/files/files.ts";
import type { EntryRecord } from "../store/entries/app_record.ts";
import type { PullOptions } from "./options.ts";
import type { ResolvedReference } from "./result.ts";
import type { Selection } from "./select_platforms.ts";
import type { PullSession } from "./session.ts";

/** The part of a session that publishing needs. */
export interface PublishSession
  extends Pick<PullSession, "reference" | "name" | "blobs" | "manifests" | "parts" | "clock"> {
  readonly options: Pick<PullOptions, "allPlatforms" | "foreign" | "signal">;
}

/** The new state of an entry. */
export interface Publication {
  readonly selection: Selection;
  readonly resolved: ResolvedReference;
  /** The previous record of the entry. */
  readonly record: EntryRecord | undefined;
  /** True if any part came over the network. */
  readonly fetched: boolean;
  /** When an import wrote it, which a registry did not answer. Milliseconds since the epoch. */
  readonly importedAt?: number | undefined;
}

/**
 * Writes an entry, leaves before roots: the blobs are already there, then come the manifests by digest, the tag's
 * folder, and finally the record. If another pull has meanwhile found that the tag has moved, the entry stays at what
 * that one found; what this one fetched is then unreferenced.
 *
 * @returns false if the cache was deleted meanwhile and the entry is incomplete
 * @throws LarderError LDR_DISK*
 */
export async function publish(
  session: PublishSession,
  publication: Publication,
): Promise<boolean> {
  const { reference, blobs, manifests, parts } = session;
  const { selection } = publication;
  if ((await parts.missing(selection)).length > 0) return false;
  blobs.sync();
  try {
    for (const image of selection.images) {
      manifests.publishManifest(reference, image, parts.configSource(image));
    }
    for (const index of selection.indexes.toReversed()) manifests.publishManifest(reference, index);
    const update = (current: EntryRecord | undefined) =>
      isOutdated(session, publication, current)
        ? undefined
        : recordOf(session, { ...publication, record: current ?? publication.record });
    const { chosen } = selection;
    const isPublished = await manifests.publishEntry(reference, chosen, update, session.options);
    return isPublished && (await parts.missing(selection)).length === 0;
  } catch (error) {
    if (isDeletionError(error)) return false;
    throw error;
  }
}

/**
 * True if the registry named another digest later than the one to publish. A time in the future is not believed. What a
 * user imports replaces everything.
 */
function isOutdated(
  { clock }: PublishSession,
  { selection, resolved, importedAt }: Publication,
  current: EntryRecord | undefined,
): boolean {
  if (importedAt !== undefined || !current || current.digest === selection.top.digest) return false;
  const checkedAt = Date.parse(current.checkedAt);
  return checkedAt > resolved.checkedAt && checkedAt <= clock.now();
}

/**
 * Records that the registry confirmed a complete entry. If the disk takes no writes, only tries to mark the entry as
 * used, since it is complete and current either way. Leaves an entry that was published or deleted meanwhile.
 */
export async function confirm(session: PullSession, publication: Publication): Promise<void> {
  const { reference, manifests } = session;
  const { top, chosen } = publication.selection;
  try {
    await manifests.confirmRecord(reference, (record) => {
      const isSame = record?.digest === top.digest && record.manifestDigest === chosen.digest;
      return isSame ? recordOf(session, { ...publication, record }) : undefined;
    });
  } catch (error) {
    if (hasCode(error, "LDR_DISK_FULL", "LDR_READ_ONLY", "LDR_PERMISSION")) {
      manifests.touch(reference, publication.resolved.checkedAt);
    } else if (!isDeletionError(error)) throw error;
  }
}

function recordOf(
  { name, options, clock }: PublishSession,
  { selection, resolved, record, fetched, importedAt }: Publication,
): EntryRecord {
  const { top, chosen, platform } = selection;
  const checkedAt = new Date(resolved.checkedAt).toISOString();
  const moved = record?.digest !== top.digest;
  const pulledAt = new Date(importedAt ?? (resolved.checkedAt || clock.now())).toISOString();
  const changed = fetched || moved || record.manifestDigest !== chosen.digest;
  return {
    schemaVersion: 1,
    reference: name,
    digest: top.digest,
    mediaType: top.mediaType,
    manifestDigest: chosen.digest,
    ...(platform && { platform }),
    ...((options.allPlatforms || (!moved && record?.allPlatforms)) && { allPlatforms: true }),
    ...((options.foreign || (!moved && record?.foreign)) && { foreign: true }),
    pulledAt: changed ? pulledAt : record.pulledAt,
    checkedAt,
  };
}
