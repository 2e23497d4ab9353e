import type { Disk } from "../base/disk.ts";
import { LarderError } from "../base/errors.ts";
import { GRACE_AGE } from "../base/limits.ts";
import type { CacheSnapshot, SnapshotEntry } from "../snapshot/types.ts";
import type { LeaseContent } from "../store/locks/lease_format.ts";
import { selectEvictions, selectRequested } from "./eviction_rules.ts";
import { inUse } from "./in_use.ts";
import { type DraftPlan, draftPlan, type Unreferenced } from "./plan.ts";
import { type GcPolicy, hasFree } from "./policy.ts";
import { type Facts, isOlderFile, type MinimumAges } from "./reference_counts.ts";

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
export const CLEAR_AGES: MinimumAges = { entry: 0, content: 0, orphan: 0, partial: 0 };

/** What a plan depends on besides the snapshot and the policy. */
export interface Surroundings {
  /** Of the disk that holds the cache; undefined if its size is unknown. */
  readonly disk?: Disk | undefined;
  /** What running processes use. Read after the snapshot, so that a new lease is not missed. */
  readonly leases: readonly LeaseContent[];
}

/**
 * Plans what to remove so that a cache keeps to a policy. Reads and changes nothing, except that young content is
 * stat'ed.
 * @throws LarderError LDR_BUSY if a newer larder wrote an entry
 */
export function planGc(
  snapshot: CacheSnapshot,
  policy: GcPolicy,
  { disk, leases }: Surroundings,
): DraftPlan {
  const facts = factsOf(snapshot, GC_AGES, leases);
  const unreferenced = unreferencedFiles(snapshot, facts);
  const selection = selectEvictions(snapshot, policy, facts, disk, unreferenced);
  return draftPlan(snapshot, selection, unreferenced);
}

/**
 * Plans the removal of requested entries.
 * @param options.everything also removes unreferenced content, rubbish and downloads of any age
 * @throws LarderError LDR_BUSY if a newer larder wrote an entry
 */
export function planClean(
  snapshot: CacheSnapshot,
  requested: ReadonlySet<SnapshotEntry>,
  { leases }: Surroundings,
  options: { includePinned?: boolean | undefined; everything?: boolean | undefined } = {},
): DraftPlan {
  const facts = factsOf(snapshot, options.everything ? CLEAR_AGES : CLEAN_AGES, leases);
  const selection = selectRequested(snapshot, requested, facts, options);
  return draftPlan(snapshot, selection, unreferencedFiles(snapshot, facts));
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
export function rejectNewerFormat({ entries }: CacheSnapshot): void {
  const newer = entries.find(({ isFromNewerVersion }) => isFromNewerVersion);
  if (!newer) return;
  const { name, problem, folder } = newer;
  throw new LarderError("LDR_BUSY", `cannot tell what ${name} needs: ${problem}`, {
    hint: `run the newer larder, or delete ${folder}`,
  });
}

function factsOf(
  snapshot: CacheSnapshot,
  ages: MinimumAges,
  leases: readonly LeaseContent[],
): Facts {
  rejectNewerFormat(snapshot);
  return { now: snapshot.takenAt, ages, inUse: inUse(snapshot, leases) };
}

function unreferencedFiles(snapshot: CacheSnapshot, { now, ages }: Facts): Unreferenced {
  const partials = snapshot.partials.filter((file) => isOlderFile(file, ages.partial, now));
  const rubbish = snapshot.rubbish.filter((file) => isOlderFile(file, ages.orphan, now));
  const bytes = [...partials, ...rubbish].reduce((sum, { size }) => sum + size, 0);
  return { partials, rubbish, bytes };
}
