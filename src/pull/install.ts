import { LarderError } from "../base/errors.ts";
import { isDeletionError, statIfAny } from "../base/files/files.ts";
import { PULL_ROUNDS } from "../base/limits.ts";
import type { ImageManifest } from "../oci/manifest.ts";
import type { EntryRecord } from "../store/entries/app_record.ts";
import type { Part } from "../store/image_parts.ts";
import type { MissCause } from "../store/journal/journal.ts";
import type { CachedEntry } from "./cached_entry.ts";
import { fetchParts } from "./fetch_parts.ts";
import { requirePlatform } from "./image_platform.ts";
import { confirm, type Publication, publish, type PublishSession } from "./publish.ts";
import { type PullResult, type ResolvedReference, resultOf } from "./result.ts";
import { selectFromRegistry, type Selection } from "./select_platforms.ts";
import type { PullSession } from "./session.ts";

/**
 * Makes the cache hold what a reference was resolved to: fetches missing parts, unpacks archives and publishes. Starts
 * over if the cache is deleted meanwhile.
 *
 * @throws LarderError LDR_NO_PLATFORM, LDR_BAD_ARCHIVE, LDR_DISK*, and those of the registry
 */
export async function install(
  session: PullSession,
  cached: CachedEntry,
  resolved: ResolvedReference,
): Promise<PullResult> {
  const { record } = cached;
  if (cached.selection?.top.digest === resolved.top.digest) {
    const publication = { selection: cached.selection, resolved, record, fetched: false };
    session.progress.cause ??= changeOf(session, record, cached.selection);
    if (await refreshRecord(session, publication)) return resultOf(session, publication);
  }
  const selection = await selectFromRegistry(session, resolved.top, session.options);
  const { progress } = session;
  const { outcomes } = progress;
  progress.parts = selection.images.flatMap((image) => session.parts.parts(image));
  for (let round = 1; round <= PULL_ROUNDS; round++) {
    const missing = await session.parts.missing(selection);
    progress.cause ??= missCause(session, record, selection, missing);
    const others = await requirePlatform(session, selection, missing, outcomes);
    await fetchParts(session, others, outcomes);
    for (const image of selection.images) await unpackArchives(session, image);
    const fetched = [...outcomes.values()].includes("fetched");
    const publication = { selection, resolved, record, fetched };
    if (await publish(session, publication)) {
      offerEntry(session, selection);
      return resultOf(session, publication);
    }
  }
  throw cacheDeleted(session, ` ${PULL_ROUNDS} times`);
}

/** Offers an entry to the shared cache, without what came from there: its manifests, those of indexes last. */
function offerEntry({ shared, parts, repository }: PullSession, selection: Selection): void {
  const { images, indexes } = selection;
  const own = images.flatMap((image) => parts.parts(image))
    .filter(({ skipped, descriptor }) => !skipped && !repository.isShared(descriptor.digest));
  shared?.offer({
    blobs: own.map((part) => ({ descriptor: part.descriptor, path: parts.pathOf(part) })),
    manifests: [...images, ...indexes.toReversed()]
      .filter(({ digest }) => !repository.isShared(digest)),
  });
}

/** Uses a complete cached copy without confirmation by the registry. */
export async function useCached(
  session: PullSession,
  record: EntryRecord | undefined,
  selection: Selection,
  freshness: "unchecked" | "stale",
): Promise<PullResult> {
  const checkedAt = record ? Date.parse(record.checkedAt) : session.clock.now();
  const resolved = { top: selection.top, freshness, checkedAt };
  const publication = { selection, resolved, record, fetched: false };
  const { progress } = session;
  // An earlier run of this pull may have fetched it, and found no room for the record.
  if (progress.outcomes.size === 0) progress.cause = changeOf(session, record, selection);
  if (!await refreshRecord(session, publication)) throw cacheDeleted(session);
  return resultOf(session, publication);
}

/**
 * Fetches the missing layers of an image that Spin pulled. The files that Spin wrote, its manifest and the locked app
 * beside it, are left as they are.
 */
export async function fetchMissing(session: PullSession, image: ImageManifest): Promise<void> {
  const missing = await session.parts.missing({ images: [image] });
  const layers = missing.filter((part) => part.kind === "layer" && !part.lockedAppOf);
  await fetchParts(session, layers);
  await unpackArchives(session, image);
}

/**
 * Updates an entry whose parts are all cached. Usually only the time of the last check or, if the registry was not
 * asked, of the last use changes; its record also if the entry is now for all platforms.
 *
 * @returns false if the cache was deleted meanwhile
 */
async function refreshRecord(session: PullSession, publication: Publication): Promise<boolean> {
  const { reference, manifests, clock } = session;
  const { selection, resolved, record } = publication;
  if (record?.pushed) {
    // It has all platforms, which a record of a pull would not keep.
    manifests.touch(reference, clock.now());
    return true;
  }
  const isPublished = record?.digest === selection.top.digest && !record.served &&
    record.manifestDigest === selection.chosen.digest &&
    await manifests.isPublished(reference, selection.chosen);
  if (!isPublished) return await publish(session, publication);
  const isChanged = session.progress.cause !== undefined;
  if (isChanged || resolved.freshness === "current") await confirm(session, publication);
  else manifests.touch(reference, clock.now());
  return true;
}

/** Returns what changes about the entry, whether its content is cached or not; undefined for a cache hit. */
function changeOf(
  { reference, options, manifests }: PullSession,
  record: EntryRecord | undefined,
  selection: Selection,
): MissCause | undefined {
  if (!record) return manifests.hasRecord(reference) ? "damaged" : "new";
  if (record.digest !== selection.top.digest) return "moved";
  if (record.served || record.pushed) return undefined; // It names no platform.
  const isWider = options.allPlatforms && !record.allPlatforms;
  if (isWider || record.manifestDigest !== selection.chosen.digest) return "platform";
  return undefined;
}

/** Returns the reason that the entry is not a cache hit. */
function missCause(
  session: PullSession,
  record: EntryRecord | undefined,
  selection: Selection,
  missing: readonly Part[],
): MissCause {
  const change = changeOf(session, record, selection);
  if (change) return change;
  const exists = (part: Part) => statIfAny(session.parts.pathOf(part)) !== undefined;
  return missing.some(exists) ? "damaged" : "missing";
}

/**
 * Unpacks Spin's archive layers, because its locked app refers to the files in them. Those that were just fetched are
 * unpacked already: these are archives of which Spin, or an earlier larder, was stopped before it had unpacked all.
 */
export async function unpackArchives(
  { blobs, parts, options }: Pick<PublishSession, "blobs" | "parts" | "options">,
  image: ImageManifest,
): Promise<void> {
  const archives = parts.packedArchives(image);
  if (archives.length === 0) return;
  const { unpackStoredArchive } = await import("../store/archive/unpack.ts");
  for (const descriptor of archives) {
    const path = blobs.find(descriptor);
    if (!path) return; // Deleted meanwhile, which `publish` notices.
    try {
      await unpackStoredArchive({ digest: descriptor.digest, path }, blobs, options);
    } catch (error) {
      if (!isDeletionError(error)) throw error;
    }
  }
}

function cacheDeleted({ layout, name }: PullSession, times = ""): LarderError {
  const message = `the cache ${layout.root} was deleted${times} during the pull of ${name}`;
  return new LarderError("LDR_DISK", message, {
    hint: "find the program that deletes it, and try again",
  });
}
