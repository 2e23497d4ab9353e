import type { PackageRequest, PackageResults } from "../packages/package_request.ts";
import type { PullResult } from "../pull/result.ts";

/** Where a build gets packages and references from. */
export interface Sources {
  /**
   * Returns the packages that a list names.
   * @param list path or URL
   * @param names the wanted ones; all if there are none
   */
  listPackages(list: string, names: readonly string[]): Promise<readonly PackageRequest[]>;
  /** Fetches packages, or finds them in the cache, which keeps them until the build ends. */
  fetchPackages(requests: readonly PackageRequest[]): Promise<PackageResults>;
  /** Pulls a reference, or confirms that the cached copy is current. */
  pull(reference: string): Promise<PullResult>;
}
