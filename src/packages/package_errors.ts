import { LarderError } from "../base/errors.ts";
import type { Digest } from "../oci/digest.ts";
import { packageName } from "../store/entries/package_record.ts";
import type { PackageRequest } from "./package_request.ts";

/** The error for other content under the name of a cached package. */
export function otherContent({ id }: PackageRequest, cached: Digest, wanted: Digest): LarderError {
  return new LarderError(
    "LDR_DIGEST_MISMATCH",
    `${packageName(id)} is cached as ${cached}, not as ${wanted}`,
    { hint: "check the digest, or replace the cached package with larder fetch --replace" },
  );
}

export function notCached({ id }: PackageRequest): LarderError {
  return new LarderError("LDR_NOT_CACHED", `${packageName(id)} is not in the cache`, {
    hint: "fetch it once without --offline",
  });
}

export function deletedMeanwhile({ id }: PackageRequest): LarderError {
  return new LarderError("LDR_DISK", `${packageName(id)} was deleted while it was fetched`, {
    hint: "find out which program deletes files of the cache, then try again",
  });
}

/** The note about another process that is fetching the package. */
export function waitingFor(holders: string, { fileName }: PackageRequest): string {
  return `waiting for ${holders || "another process"}, which is fetching ${fileName}`;
}
