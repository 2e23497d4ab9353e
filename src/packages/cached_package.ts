import { statIfAny } from "../base/files/files.ts";
import type { BlobDescriptor } from "../oci/descriptor.ts";
import { algorithmOf, type Digest } from "../oci/digest.ts";
import { hasDigest } from "../store/blobs/blob_store.ts";
import type { PackageRecord } from "../store/entries/package_record.ts";
import type { MissCause } from "../store/journal/journal.ts";
import { otherContent } from "./package_errors.ts";
import type { PackageOptions } from "./package_options.ts";
import type { PackageRequest, PackageResult } from "./package_request.ts";
import { MEDIA_TYPE, type PackageSession } from "./package_session.ts";

/**
 * Returns a package that is cached in full; undefined if it has to be fetched.
 * @throws LarderError LDR_DIGEST_MISMATCH if other content is cached under its name
 */
export function cachedPackage(
  request: PackageRequest,
  record: PackageRecord,
  { blobs, packages, clock, options }: PackageSession,
): PackageResult | undefined {
  const isWanted = options.replace && request.digest === undefined;
  if (isWanted) return undefined;
  const { digest, size } = record;
  const path = blobs.find({ mediaType: MEDIA_TYPE, digest, size });
  if (request.digest && !isSameContent(request.digest, digest, path)) {
    if (options.replace) return undefined;
    throw otherContent(request, digest, request.digest);
  }
  if (path === undefined) return undefined;
  const { vouchedBy } = request;
  if (!vouchedBy || record.vouchedBy) packages.touch(request.id, clock.now());
  else packages.use({ ...record, vouchedBy }, clock.now());
  return { request, outcome: "cached", digest, size, path };
}

/** Compares digests; if their algorithms differ, those of the file decide. True if there is no file either. */
function isSameContent(wanted: Digest, cached: Digest, path: string | undefined): boolean {
  if (algorithmOf(wanted) === algorithmOf(cached)) return wanted === cached;
  return path === undefined || hasDigest(path, wanted);
}

/** Returns what must arrive; undefined if any content is accepted. */
export function expectedBlob(
  { digest, size }: PackageRequest,
  record: PackageRecord | undefined,
  { replace }: PackageOptions,
): BlobDescriptor | undefined {
  if (digest) return { mediaType: MEDIA_TYPE, digest, size };
  if (!record || replace) return undefined;
  return { mediaType: MEDIA_TYPE, digest: record.digest, size: record.size };
}

/** True if a package is a file on this machine, as those of a list or a mirror on a disk are. */
export function isLocal({ urls }: PackageRequest): boolean {
  return urls[0]?.startsWith("file:") === true;
}

export function causeOf(record: PackageRecord | undefined, { blobs }: PackageSession): MissCause {
  if (!record) return "new";
  const { digest, size } = record;
  const blob = { mediaType: MEDIA_TYPE, digest, size };
  if (blobs.find(blob)) return "moved";
  return statIfAny(blobs.pathOf(blob)) ? "damaged" : "missing";
}
