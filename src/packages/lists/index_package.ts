import type { Digest } from "../../oci/digest.ts";

/** A package as an index describes it. */
export interface IndexPackage {
  readonly name: string;
  readonly version: string;
  readonly arch: string;
  /** Path of its file below the root of the repository. */
  readonly path: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}
