import type { Disk } from "../base/files/disk.ts";
import { GRACE_AGE } from "../base/limits.ts";
import { DAY } from "../base/units.ts";
import type { CacheSnapshot, SnapshotEntry } from "../snapshot/types.ts";
import type { LeaseContent } from "../store/locks/lease_format.ts";
import { selectEvictions, selectRequested } from "./eviction_rules.ts";
import { inUse } from "./in_use.ts";
import { keptFiles } from "./kept_files.ts";
import { type DraftPlan, draftPlan, type Unreferenced } from "./plan.ts";
import { type GcPolicy, hasFree, limitsOf } from "./policy.ts";
import {
  type Facts,
  isOlderFile,
  type MinimumAges,
  ReferenceCounts,
  sizeOf,
} from "./reference_counts.ts";
import { keptEntries } from "./retention.ts";
import type { Selection } from "./selection.ts";

/** Seven days after which an interrupted download is no longer worth resuming. */
const PARTIAL_AGE = 7 * DAY;

/** The ages of what a policy may remove. */
const GC_AGES: MinimumAges = {
  entry: GRACE_AGE,
  content: GRACE_AGE,
  orphan: GRACE_AGE,
  partial: PARTIAL_AGE,
};

/** The ages for requested entries: these may be young, but nothing else was requested. */
const CLEAN_AGES: MinimumAges = { ...GC_AGES, entry: 0, content: 0 };

/** The ages for clearing the whole cache. */
const CLEAR_AGES: MinimumAges = { entry: 0, content: 0, orphan: 0, partial: 0 };

/** What a plan depends on besides the snapshot and the policy. */
export interface Surroundings {
  /** Of the disk that holds the cache; undefined if its size is unknown. */
  readonly disk?: Disk | undefined;
  /** What running processes use. Read after the snapshot, so that a new lease is not missed. */
  readonly leases: readonly LeaseContent[];
  /** False if the file system has no locks: nothing is then removed that was used or written within the grace age. */
  readonly hasLocks?: boolean | undefined;
  /** Bytes that are about to be added to the cache; 0 by default. */
  readonly needed?: number | undefined;
  /** True if no user has asked for this collection; then a limit that one entry in use exceeds evicts no others. */
  readonly isAutomatic?: boolean | undefined;
}

/**
 * Plans what to remove so that a cache keeps to a policy. Reads and changes nothing, except that young content is
 * stat'ed.
 */
export function planGc(
  snapshot: CacheSnapshot,
  policy: GcPolicy,
  surroundings: Surroundings,
): DraftPlan {
  return selectGc(snapshot, policy, surroundings).plan;
}

/** Plans as {@link planGc} does, and returns the decisions too. */
export function selectGc(
  snapshot: CacheSnapshot,
  policy: GcPolicy,
  surroundings: Surroundings,
): { readonly selection: Selection; readonly plan: DraftPlan } {
  const facts = factsOf(snapshot, GC_AGES, surroundings);
  const unreferenced = unreferencedFiles(snapshot, facts);
  const selection = selectEvictions(snapshot, policy, facts, surroundings, unreferenced);
  const kept = keptFiles(snapshot, facts, selection, unreferenced);
  return { selection, plan: draftPlan(snapshot, selection, unreferenced, kept) };
}

/**
 * Plans the removal of requested entries.
 * @param options.everything also removes unreferenced content, rubbish and downloads of any age
 */
export function planClean(
  snapshot: CacheSnapshot,
  requested: ReadonlySet<SnapshotEntry>,
  surroundings: Surroundings,
  options: {
    includePinned?: boolean | undefined;
    includePushed?: boolean | undefined;
    everything?: boolean | undefined;
  } = {},
): DraftPlan {
  const facts = factsOf(snapshot, options.everything ? CLEAR_AGES : CLEAN_AGES, surroundings);
  const selection = selectRequested(snapshot, requested, facts, options);
  const unreferenced = unreferencedFiles(snapshot, facts);
  // Without `everything`, what nothing needs was not requested to be removed.
  const kept = options.everything ? keptFiles(snapshot, facts, selection, unreferenced) : [];
  return draftPlan(snapshot, selection, unreferenced, kept);
}

/** True if a cache exceeds a policy. @param plan what {@link planGc} makes of both */
export function exceedsPolicy(
  snapshot: CacheSnapshot,
  policy: GcPolicy,
  disk: Disk | undefined,
  plan: DraftPlan,
): boolean {
  return plan.remove.entries.length > 0 || snapshot.size > (policy.maxSize ?? Infinity) ||
    !hasFree(policy, disk);
}

/**
 * True if a policy removes everything that it may, so that its limits are probably a mistake, such as `1m` for a month.
 * Entries in use and young ones count as left, unless the limits are not met with them, or remove entries as soon as
 * they are no longer young.
 *
 * @param plan what {@link planGc} makes of the policy
 * @param options.isForPull true if an entry is about to be added, which is then left
 */
export function leavesNothing(
  policy: GcPolicy,
  { remove, keep, shortfalls }: DraftPlan,
  options: { isForPull?: boolean } = {},
): boolean {
  const removed = remove.entries.filter(({ rule }) => rule !== "damaged" && rule !== "disabled");
  const isLeft = ({ rule }: { rule: string }) =>
    rule === "within limits" || rule === "shared" || rule === "keep-last";
  if (removed.length === 0 || keep.some(isLeft)) return false;
  if (!options.isForPull && keep.every(({ rule }) => rule === "pinned" || rule === "pushed")) {
    return true;
  }
  return shortfalls.length > 0 || removed.some(({ rule, type }) => {
    const { unused = Infinity } = limitsOf(policy, type);
    return rule === "unused" && unused <= GRACE_AGE;
  });
}

/** Returns the most that limits could remove: all except what is pinned, in use, young or kept by `keepLast`. */
export function mostThatLimitsFree(
  snapshot: CacheSnapshot,
  policy: GcPolicy,
  surroundings: Pick<Surroundings, "leases">,
): { readonly bytes: number; readonly entries: number } {
  const facts = factsOf(snapshot, GC_AGES, surroundings);
  const counts = new ReferenceCounts(snapshot, facts);
  const kept = keptEntries(snapshot, policy, facts);
  const removed = snapshot.entries.filter((entry) => !kept.has(entry));
  let { bytes } = unreferencedFiles(snapshot, facts, facts.ages.orphan);
  for (const entry of removed) {
    counts.drop(entry);
    bytes += entry.ownSize;
  }
  return { bytes: bytes + sizeOf(snapshot, counts.freedAtMost()), entries: removed.length };
}

/** Returns the facts for removing what a plan lists, which has decided already what is old enough. */
export function factsToApply(snapshot: CacheSnapshot, surroundings: Surroundings): Facts {
  return factsOf(snapshot, CLEAR_AGES, surroundings);
}

function factsOf(
  snapshot: CacheSnapshot,
  ages: MinimumAges,
  { leases, hasLocks = true }: Surroundings,
): Facts {
  return {
    now: snapshot.takenAt,
    ages: hasLocks ? ages : atLeast(ages, GRACE_AGE),
    inUse: inUse(snapshot, leases),
    hasLocks,
  };
}

/** Without locks, another process may be about to use or publish what was used or written lately. */
function atLeast({ entry, content, orphan, partial }: MinimumAges, age: number): MinimumAges {
  return {
    entry: Math.max(entry, age),
    content: Math.max(content, age),
    orphan: Math.max(orphan, age),
    partial: Math.max(partial, age),
  };
}

/** @param partialAge milliseconds since a download was interrupted */
function unreferencedFiles(
  snapshot: CacheSnapshot,
  { now, ages, inUse }: Facts,
  partialAge = ages.partial,
): Unreferenced {
  const partials = snapshot.partials.filter((file) =>
    isOlderFile(file, partialAge, now) && !inUse.partials.has(file.path)
  );
  const rubbish = snapshot.rubbish.filter((file) => isOlderFile(file, ages.orphan, now));
  const bytes = [...partials, ...rubbish].reduce((sum, { size }) => sum + size, 0);
  return { partials, rubbish, bytes };
}
