import type { FileStat } from "../snapshot/file_state.ts";
import type { SnapshotEntry } from "../snapshot/types.ts";
import type { EvictionRule, LimitScope, RetentionRule } from "./policy.ts";
import type { RetainedContent } from "./reference_counts.ts";
import type { Reason } from "./retention.ts";

/** An entry to remove. */
export interface Removal extends Reason<EvictionRule> {
  readonly action: "remove";
  readonly entry: SnapshotEntry;
  /** The scope of the limit; undefined for a limit on the whole cache, and without a limit. */
  readonly scope?: LimitScope | undefined;
  /** Bytes that this frees after the removals before it. */
  readonly bytes: number;
  /** The same on the disk, in whole blocks; 0 unless a limit on free space needs it. */
  readonly allocated: number;
}

/** An entry to keep. */
export interface Keeping extends Reason<RetentionRule> {
  readonly action: "keep";
  readonly entry: SnapshotEntry;
}

/** What happens to one entry, and why. */
export type Decision = Removal | Keeping;

/** A limit that cannot be reached, and what prevents it. */
export interface Shortfall {
  readonly rule: "max-count" | "max-size" | "min-free";
  /** The scope of the limit; undefined for the whole cache. */
  readonly type: LimitScope | undefined;
  /** Bytes, or entries for "max-count". */
  readonly limit: number;
  /** The part of the limit that is not reached, in the same unit. */
  readonly missing: number;
  /** What is kept in spite of the limit. Unreferenced content and downloads count as 0 entries. */
  readonly kept: readonly {
    readonly rule: RetentionRule;
    readonly entries: number;
    readonly bytes: number;
  }[];
}

/** The decisions on a whole cache. */
export interface Selection {
  /** Removals in the order in which the rules made them, then the kept entries. */
  readonly decisions: readonly Decision[];
  /** Ids of the content to remove. */
  readonly contents: readonly number[];
  /** The content that no kept entry needs, but that is kept because it is in use or young. */
  readonly retained: readonly RetainedContent[];
  /** Downloads to remove for their space, in addition to those that are removed because of their age. */
  readonly partials: readonly FileStat[];
  readonly shortfalls: readonly Shortfall[];
  /** Bytes that all this frees on the disk, in whole blocks; 0 unless a limit on free space needs it. */
  readonly freedOnDisk: number;
}
