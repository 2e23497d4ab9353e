import { LarderError } from "../base/errors.ts";
import type { Digest } from "../oci/digest.ts";
import { packageName } from "../store/entries/package_record.ts";
import type { HttpResponse } from "../registry/http/transport.ts";
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

/** Names of files that are compressed themselves: servers call that their encoding, too. */
const COMPRESSED = /\.(?:t?gz|t?xz|t?bz2?|t?zst|br|apk|crate)$/i;

/**
 * Refuses a body that a server has compressed although it was asked not to: what arrives is not the file.
 * @throws LarderError LDR_BAD_RESPONSE
 */
export async function rejectEncoded(
  { host, pathname }: URL,
  { headers, body }: HttpResponse,
): Promise<void> {
  const encoding = headers.get("content-encoding") ?? "identity";
  if (encoding === "identity" || COMPRESSED.test(pathname)) return;
  await body?.cancel();
  const message = `${host} sent ${pathname} compressed (Content-Encoding: ${encoding}), unasked`;
  throw new LarderError("LDR_BAD_RESPONSE", message, {
    hint: "use another mirror, or tell the operator of the server or proxy",
  });
}

/** The note about another process that is fetching the package. */
export function waitingFor(holders: string, { fileName }: PackageRequest): string {
  return `waiting for ${holders || "another process"}, which is fetching ${fileName}`;
}
