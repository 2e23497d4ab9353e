import type { PackageRequest, PackageResults } from "../packages/package_request.ts";
import type { KeyRef } from "./key.ts";
import type { PackageList, SpecPackage } from "./spec.ts";

/** Where a build gets packages from. */
export interface PackageSource {
  /** Returns the packages that a part of a spec names. */
  resolve(wanted: SpecPackage | PackageList): Promise<readonly PackageRequest[]>;
  /** Fetches packages, or finds them in the cache. */
  fetch(requests: readonly PackageRequest[]): Promise<PackageResults>;
}

/** Where a build gets references from. */
export interface RefSource {
  /** Pulls a reference, and returns its full name and the digest of the manifest for the platform of the build. */
  resolve(reference: string): Promise<KeyRef>;
  /** Writes references that were resolved to a folder, as an OCI image layout. */
  layOut(refs: readonly KeyRef[], folder: string): Promise<void>;
}
