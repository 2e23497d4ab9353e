import type { Digest } from "../oci/digest.ts";
import type { FileStamp } from "../base/files.ts";
import type { SnapshotEntry } from "../snapshot/types.ts";

/** What is wrong: larder, or whoever reads the cache, would do without it, or get something else. */
export const FAULTS = [
  "damaged",
  "truncated",
  "misplaced",
  "missing",
  "broken",
  "unreadable",
] as const;
export type Fault = typeof FAULTS[number];

/** What is in nobody's way: content that no entry needs, files that are not larder's, and what a crash left. */
export const ORPHANS = ["orphaned", "foreign", "leftover"] as const;
export type Orphan = typeof ORPHANS[number];

/** How something is put right without any network, as long as the file is still the one that was looked at. */
export type RepairAction =
  /** The file is not what its name says, and goes. */
  | { readonly action: "remove"; readonly from: string; readonly stamp: FileStamp }
  /** It is what another name says. */
  | {
    readonly action: "move" | "copy";
    readonly from: string;
    readonly to: string;
    readonly stamp: FileStamp;
  };

/** One thing that a verification found. */
export interface Finding {
  readonly kind: Fault | Orphan;
  /** The file. */
  readonly path: string;
  /** What is the matter with it, for a user. */
  readonly detail: string;
  /** What it should be, where that is known. */
  readonly digest: Digest | undefined;
  /** Who needs it. */
  readonly entries: readonly SnapshotEntry[];
  readonly repair: RepairAction | undefined;
}

export function isFault({ kind }: Finding): boolean {
  return (FAULTS as readonly string[]).includes(kind);
}
