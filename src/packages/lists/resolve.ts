import { withRoom } from "../../pull/room.ts";
import { waitingForSweep } from "../../store/locks/store_lock.ts";
import type { PackageRequest } from "../package_request.ts";
import { type IndexSizes, spaceForIndexes } from "../space_request.ts";
import type { ListDeps } from "./list_deps.ts";

/**
 * Returns the packages that a list names: all those of a YAML or JSON list, or the wanted ones of a Debian or rpm
 * index.
 *
 * @param list path or URL of a YAML or JSON list, `InRelease`, `Release`, `Packages`, `Packages.gz`, `Packages.xz` or
 * `repomd.xml`
 * @param wanted names of packages; with a YAML or JSON list, those of its packages that are wanted, or none for all
 * @throws LarderError LDR_BAD_LIST, LDR_BAD_INDEX, LDR_UNVERIFIED, LDR_EXPIRED, LDR_DIGEST_MISMATCH, LDR_NOT_FOUND,
 * LDR_NOT_CACHED, LDR_CONFIG, LDR_USAGE, LDR_DISK*, and those of the transport
 */
export async function resolvePackages(
  list: string,
  wanted: readonly string[],
  deps: ListDeps,
): Promise<PackageRequest[]> {
  // What reads lists, and YAML, XML and OpenPGP behind it, is loaded only for a list.
  const { resolveList } = await import("./resolve_list.ts");
  const { layout, room } = deps;
  const sizes: IndexSizes = new Map();
  const note = (message: string) => deps.note?.(message);
  // Indexes are kept in the cache.
  return await withRoom(layout, () => resolveList(list, wanted, deps, sizes), {
    room,
    request: () => spaceForIndexes(layout, sizes),
    note,
    waiting: (holders) => note(waitingForSweep(holders)),
    signal: deps.signal,
  });
}
