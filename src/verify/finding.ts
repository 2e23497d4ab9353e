import type { FileStamp } from "../base/files/files.ts";
import type { Digest } from "../oci/digest.ts";
import type { SnapshotEntry } from "../snapshot/types.ts";

/** Findings that make an entry incomplete or give a reader of the cache wrong content. */
export const FAULTS = [
  "damaged",
  "truncated",
  "misplaced",
  "missing",
  "broken",
  "unreadable",
] as const;
export type Fault = typeof FAULTS[number];

/** Findings that harm nothing: unreferenced content, files that larder did not write, and temporary files. */
export const ORPHANS = ["orphaned", "foreign", "leftover"] as const;
export type Orphan = typeof ORPHANS[number];

/** A repair that needs no network. It is done only if the file `from` still has the same stamp. */
export type RepairAction =
  /** Delete a file that does not have the digest of its name. */
  | { readonly action: "remove"; readonly from: string; readonly stamp: FileStamp }
  /** Rewrite a file of larder's own with what can be read of it; see {@link rewriteOwnFile}. */
  | { readonly action: "rewrite"; readonly from: string; readonly stamp: FileStamp }
  /** Put a file where its digest is expected. */
  | {
    readonly action: "move" | "copy";
    readonly from: string;
    readonly to: string;
    readonly stamp: FileStamp;
  };

export interface Finding {
  readonly kind: Fault | Orphan;
  readonly path: string;
  /** What is wrong with the file, in words for a user. */
  readonly detail: string;
  /** The digest that it should have, if known. */
  readonly digest: Digest | undefined;
  /** The entries that need it. */
  readonly entries: readonly SnapshotEntry[];
  readonly repair: RepairAction | undefined;
}

export function isFault({ kind }: Finding): boolean {
  return (FAULTS as readonly string[]).includes(kind);
}
