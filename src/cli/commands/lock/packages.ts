import { systemClock } from "../../../base/concurrency.ts";
import { resolvePackages } from "../../../packages/lists/resolve.ts";
import type { PackageRequest, PackageResult } from "../../../packages/package_request.ts";
import type { Context } from "../../context.ts";
import type { LockedList, LockedPackage } from "../../lock/format.ts";
import { requestOf } from "../../lock/frozen.ts";
import { digestOfList } from "../../lock/list_digest.ts";
import { pathInLock } from "../../lock/paths.ts";
import { openRegistry } from "../../registry/registry_access.ts";
import { CommandPackages } from "../fetch/command_packages.ts";
import { incomplete } from "../fetch/incomplete.ts";
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

/**
 * Returns what to lock for the packages of lists.
 * @throws LarderError as {@link resolvePackages} and {@link lockPackages}
 */
export async function lockLists(
  context: Context,
  lists: readonly (readonly [from: string, list: LockedList])[],
): Promise<LockedPackage[]> {
  const locked: LockedPackage[] = [];
  for (const [from, { names = [], keyring, arch }] of lists) {
    const requests = await resolvePackages(from, names, {
      layout: context.layout,
      transport: openRegistry(context).transport,
      clock: systemClock,
      offline: false,
      room: roomFor(context),
      keyring,
      arch,
      signal: context.interruptible(),
      note: (message) => context.info(message),
    });
    locked.push(...await lockPackages(context, requests, from));
  }
  return locked;
}

/** Returns lists with the digests of those that `--frozen` can compare: YAML and JSON on this machine. */
export async function withDigests(
  lists: ReadonlyMap<string, LockedList>,
): Promise<ReadonlyMap<string, LockedList>> {
  const { isIndex } = await import("../../../packages/lists/resolve_list.ts");
  return new Map([...lists].map(([from, list]) => {
    const isCompared = !/^https?:/.test(from) && !isIndex(from);
    return [from, isCompared ? { ...list, digest: digestOfList(from) } : list];
  }));
}

/** Fetches packages, and returns their requests with the digests. */
async function fetchUnknown(
  context: Context,
  requests: readonly PackageRequest[],
): Promise<Map<PackageRequest, PackageRequest>> {
  if (requests.length === 0) return new Map();
  using packages = new CommandPackages(context, "larder lock", true);
  const { results, failures } = await packages.fetch(requests, {});
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
  const locked = { ...id, url: pathInLock(url), digest: digest!, size, from };
  // The name of the file is written only where the URL does not tell it.
  return requestOf(locked).fileName === fileName ? locked : { ...locked, file: fileName };
}
