import type { LarderError } from "../base/errors.ts";
import type { Digest } from "../oci/digest.ts";
import type { PackageId } from "../store/entries/package_record.ts";
import type { MissCause } from "../store/journal/journal.ts";

/** A package that is wanted: what it is, where to get it, and what it must be. */
export interface PackageRequest {
  readonly id: PackageId;
  /** Where to fetch it from, in the order of preference. */
  readonly urls: readonly string[];
  /** Name of the file that package managers expect, such as `hello_2.10-3_amd64.deb`. */
  readonly fileName: string;
  /** Digest that the package must have. */
  readonly digest?: Digest | undefined;
  /** Bytes, if an index states them. */
  readonly size?: number | undefined;
  /** Digest of the signed index that vouches for {@link digest}: of `InRelease`, `Release` or `repomd.xml`. */
  readonly vouchedBy?: Digest | undefined;
}

/** A package that is at hand now. */
export interface PackageResult {
  readonly request: PackageRequest;
  readonly outcome: "cached" | "fetched";
  /** Set if it was fetched from the shared cache. */
  readonly source?: "shared";
  /** Why it was fetched, or recorded although its content was cached; undefined for a cache hit. */
  readonly cause?: MissCause | undefined;
  /** Digest of the blob that holds it. */
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /** Path of the file. */
  readonly path: string;
}

/** A package that could not be had. */
export interface PackageFailure {
  readonly request: PackageRequest;
  readonly error: LarderError;
}

export interface PackageResults {
  /** In the order of the requests. */
  readonly results: readonly PackageResult[];
  readonly failures: readonly PackageFailure[];
}
