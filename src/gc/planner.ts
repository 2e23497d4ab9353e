import type { Disk } from "../base/disk.ts";
import { LarderError } from "../base/errors.ts";
import { GRACE_AGE } from "../base/limits.ts";
import type { CacheSnapshot, SnapshotEntry } from "../snapshot/types.ts";
import type { LeaseContent } from "../store/locks/lease_format.ts";
import { selectEvictions, selectRequested } from "./eviction_rules.ts";
import { inUse } from "./in_use.ts";
import { keptFiles } from "./kept_files.ts";
import { type DraftPlan, draftPlan, type Unreferenced } from "./plan.ts";
import { type GcPolicy, hasFree } from "./policy.ts";
import { type Facts, isOlder, type MinimumAges } from "./reference_counts.ts";
import type { Selection } from "./selection.ts";

/** Seven days after which an interrupted download is no longer worth resuming. */
const PARTIAL_AGE = 7 * 24 * 60 * 60_000;

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
}

/**
 * Plans what to remove so that a cache keeps to a policy. Reads and changes nothing, except that young content is
 * stat'ed.
 * @throws LarderError LDR_BUSY if a newer larder wrote an entry
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
  { disk, ...surroundings }: Surroundings,
): { readonly selection: Selection; readonly plan: DraftPlan } {
  const facts = factsOf(snapshot, GC_AGES, surroundings);
  const unreferenced = unreferencedFiles(snapshot, facts);
  const selection = selectEvictions(snapshot, policy, facts, disk, unreferenced);
  const kept = keptFiles(snapshot, facts, selection, unreferenced);
  return { selection, plan: draftPlan(snapshot, selection, unreferenced, kept) };
}

/**
 * Plans the removal of requested entries.
 * @param options.everything also removes unreferenced content, rubbish and downloads of any age
 * @throws LarderError LDR_BUSY if a newer larder wrote an entry
 */
export function planClean(
  snapshot: CacheSnapshot,
  requested: ReadonlySet<SnapshotEntry>,
  surroundings: Surroundings,
  options: { includePinned?: boolean | undefined; everything?: boolean | undefined } = {},
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

/** Refuses to collect if a newer larder wrote a record, because its references are unknown. */
function rejectNewerFormat({ entries }: CacheSnapshot): void {
  const newer = entries.find(({ isFromNewerVersion }) => isFromNewerVersion);
  if (!newer) return;
  const { name, problem, folder } = newer;
  throw new LarderError("LDR_BUSY", `cannot tell what ${name} needs: ${problem}`, {
    hint: `run the newer larder, or delete ${folder}`,
  });
}

/**
 * Returns the facts for removing what a plan lists, which has decided already what is old enough.
 * @throws LarderError LDR_BUSY if a newer larder wrote an entry
 */
export function factsToApply(snapshot: CacheSnapshot, surroundings: Surroundings): Facts {
  return factsOf(snapshot, CLEAR_AGES, surroundings);
}

function factsOf(
  snapshot: CacheSnapshot,
  ages: MinimumAges,
  { leases, hasLocks = true }: Surroundings,
): Facts {
  rejectNewerFormat(snapshot);
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

function unreferencedFiles(snapshot: CacheSnapshot, { now, ages }: Facts): Unreferenced {
  const partials = snapshot.partials.filter(({ mtime }) => isOlder(mtime, ages.partial, now));
  const rubbish = snapshot.rubbish.filter(({ mtime }) => isOlder(mtime, ages.orphan, now));
  const bytes = [...partials, ...rubbish].reduce((sum, { size }) => sum + size, 0);
  return { partials, rubbish, bytes };
}
