import type { PackageRequest, PackageResult } from "../../packages/package_request.ts";
import type { PullResult } from "../../pull/result.ts";

/** A list of packages, with its path or URL in full. */
export interface ListRequest {
  readonly from: string;
  /** The wanted packages; empty for all. */
  readonly names: readonly string[];
  /** Path of the file with the keys that may sign an index. */
  readonly keyring: string | undefined;
}

/** Where a build gets packages and references from. */
export interface Sources {
  /** Returns the packages that a list names. */
  listPackages(list: ListRequest): Promise<readonly PackageRequest[]>;
  /**
   * Fetches packages, or finds them in the cache, which keeps them until the build ends.
   * @returns all of them, in the order of the requests
   */
  fetchPackages(requests: readonly PackageRequest[]): Promise<readonly PackageResult[]>;
  /** Pulls a reference, or confirms that the cached copy is current. */
  pull(reference: string): Promise<PullResult>;
}
