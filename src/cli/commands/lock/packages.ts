import { systemClock } from "../../../base/concurrency.ts";
import { TRANSFERS } from "../../../base/limits.ts";
import { fetchPackages } from "../../../packages/fetch_packages.ts";
import type { PackageRequest, PackageResult } from "../../../packages/package_request.ts";
import { requestForUrl } from "../../../packages/url_request.ts";
import type { Context } from "../../context.ts";
import type { LockedPackage } from "../../lock/format.ts";
import { requestOf } from "../../lock/frozen.ts";
import { openRegistry } from "../../registry/registry_access.ts";
import { incomplete } from "../fetch/incomplete.ts";
import { packageProgress } from "../fetch/progress.ts";
import { roomFor } from "../gc/auto.ts";

/**
 * Returns what to lock for packages. Those without a digest are fetched, because only their bytes tell it.
 * @param from the list that names them; undefined for URLs
 * @throws LarderError the codes of a fetch
 */
export async function lockPackages(
  context: Context,
  requests: readonly PackageRequest[],
  from?: string,
): Promise<LockedPackage[]> {
  const fetched = await fetchUnknown(
    context,
    requests.filter(({ digest }) => digest === undefined),
  );
  return requests.map((request) => lockedOf(fetched.get(request) ?? request, from));
}

/** Fetches packages, and returns their requests with the digests. */
async function fetchUnknown(
  context: Context,
  requests: readonly PackageRequest[],
): Promise<Map<PackageRequest, PackageRequest>> {
  if (requests.length === 0) return new Map();
  const { layout } = context;
  const { transport } = openRegistry(context);
  const deps = { layout, transport, clock: systemClock, room: roomFor(context) };
  using progress = await packageProgress(context, requests.length);
  const { results, failures } = await fetchPackages(requests, deps, {
    transfers: context.config.transfers ?? TRANSFERS,
    signal: context.interruptible(),
  }, progress);
  if (failures.length > 0) throw incomplete(failures, requests.length);
  return new Map(results.map((result) => [result.request, withDigest(result)]));
}

function withDigest({ request, digest, size }: PackageResult): PackageRequest {
  return { ...request, digest, size };
}

function lockedOf(
  { id, urls, fileName, digest, size }: PackageRequest,
  from: string | undefined,
): LockedPackage {
  const [url] = urls as [string];
  const locked = { ...id, url, digest: digest!, size, from };
  // The name of the file is written only where the URL does not tell it.
  return requestOf(locked).fileName === fileName ? locked : { ...locked, file: fileName };
}

/** Returns the request for the package that is locked for a URL, without its digest. */
export function requestForLocked(locked: LockedPackage): PackageRequest {
  const { name, version, arch, source, url } = locked;
  return requestForUrl(url, { name, version, arch, source });
}
