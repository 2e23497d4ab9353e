import type { FileStat } from "../snapshot/file_state.ts";
import type { KeepingRule, LimitScope, TakingRule } from "./policy.ts";
import type { Reason } from "./retention.ts";
import type { SnapshotEntry } from "../snapshot/types.ts";

/** An entry that goes. */
export interface Removal extends Reason<TakingRule> {
  readonly action: "remove";
  readonly entry: SnapshotEntry;
  /** The scope of the limit; undefined for a limit on the whole cache, and without a limit. */
  readonly scope?: LimitScope | undefined;
  /** Bytes that this frees, once the removals before it have been made. */
  readonly bytes: number;
}

/** An entry that stays. */
export interface Keeping extends Reason<KeepingRule> {
  readonly action: "keep";
  readonly entry: SnapshotEntry;
}

/** What becomes of one entry, and why. */
export type Decision = Removal | Keeping;

/** A goal that cannot be met, and what stands in its way. */
export interface Shortfall {
  readonly rule: "max-count" | "max-size" | "min-free";
  /** The scope of the limit; undefined for the whole cache. */
  readonly type: LimitScope | undefined;
  /** Bytes, or entries for "max-count". */
  readonly limit: number;
  /** By how much the goal is missed, in the same. */
  readonly missing: number;
  /** What stays in spite of it. Content that no entry needs, and downloads, count as no entry. */
  readonly kept: readonly {
    readonly rule: KeepingRule;
    readonly entries: number;
    readonly bytes: number;
  }[];
}

/** What is to become of a cache. */
export interface Selection {
  /** Removals in the order in which the rules took them, then what stays. */
  readonly decisions: readonly Decision[];
  /** Places of the content that goes. */
  readonly contents: readonly number[];
  /** Downloads that go for the sake of space, beside those that go in any case. */
  readonly partials: readonly FileStat[];
  readonly shortfalls: readonly Shortfall[];
}
