import type { Disk } from "../base/disk.ts";
import { GRACE_AGE } from "../base/limits.ts";
import { LarderError } from "../base/errors.ts";
import { statIfAny } from "../base/files.ts";
import { Journal, type JournalEvent, sweepEvent } from "../store/journal/journal.ts";
import type { Layout } from "../store/layout.ts";
import { liveLeases } from "../store/locks/leases.ts";
import { type ExclusiveLockOptions, withExclusiveLock } from "../store/locks/store_lock.ts";
import { inUse } from "./in_use.ts";
import type { Ages, Facts } from "./reference_counts.ts";
import { makePlan, type Plan, unreferencedFiles } from "./plan.ts";
import { type GcPolicy, hasFree } from "./policy.ts";
import { select, selectAsked } from "./eviction_rules.ts";
import { takeSnapshot } from "../snapshot/snapshot.ts";
import type { CacheSnapshot, SnapshotEntry } from "../snapshot/types.ts";
import { sweep, type SweepResult } from "./sweep.ts";

/** A download that was broken off so long ago is not continued any more. */
const PARTIAL_AGE = 7 * 24 * 60 * 60_000;

/** What a policy leaves alone. */
const GC_AGES: Ages = {
  entry: GRACE_AGE,
  content: GRACE_AGE,
  orphan: GRACE_AGE,
  partial: PARTIAL_AGE,
};

/** Who names what has to go means it, whenever it came; what belongs to nothing they have not named. */
const CLEAN_AGES: Ages = { ...GC_AGES, entry: 0, content: 0 };

/** Who clears the cache means everything. */
const CLEAR_AGES: Ages = { entry: 0, content: 0, orphan: 0, partial: 0 };

const NOTHING_SWEPT: SweepResult = {
  freed: 0,
  entries: [],
  files: 0,
  entriesLeft: 0,
  bytesLeft: 0,
  typesLeft: [],
  skipped: [],
};

/** What the sweep of a plan needs. */
export interface ApplyOptions extends ExclusiveLockOptions {
  /** The command that sweeps, for the journal. */
  readonly by: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** What has to go for the cache to keep to a policy. Nothing is changed. @throws LarderError LDR_DISK*, LDR_BUSY */
export function planGc(snapshot: CacheSnapshot, policy: GcPolicy, disk: Disk | undefined): Plan {
  const facts = factsOf(snapshot, GC_AGES);
  const loose = unreferencedFiles(snapshot, facts);
  return makePlan(snapshot, select(snapshot, policy, facts, disk, loose), loose);
}

/** Whether a cache goes beyond what a policy allows. @param plan what the policy takes of it */
export function isBeyond(
  snapshot: CacheSnapshot,
  policy: GcPolicy,
  disk: Disk | undefined,
  plan: Plan,
): boolean {
  return plan.remove.entries.length > 0 || snapshot.size > (policy.maxSize ?? Infinity) ||
    !hasFree(policy, disk);
}

/**
 * What has to go if a user wants these entries gone. Nothing is changed.
 * @param options.everything also what belongs to no entry, and downloads that could be continued
 * @throws LarderError LDR_DISK*, LDR_BUSY
 */
export function planClean(
  snapshot: CacheSnapshot,
  asked: ReadonlySet<SnapshotEntry>,
  options: { includePinned?: boolean | undefined; everything?: boolean | undefined } = {},
): Plan {
  const facts = factsOf(snapshot, options.everything ? CLEAR_AGES : CLEAN_AGES);
  return makePlan(
    snapshot,
    selectAsked(snapshot, asked, facts, options),
    unreferencedFiles(snapshot, facts),
  );
}

/**
 * Deletes what a plan lists, under the store's exclusive lock, as far as the plan still holds, and notes it down.
 * @throws LarderError LDR_BUSY, LDR_DISK*, LDR_READ_ONLY, LDR_INTERRUPTED
 */
export async function applyPlan(
  layout: Layout,
  plan: Plan,
  { now, by, ...options }: ApplyOptions,
): Promise<SweepResult> {
  // Locking would make the folder of a cache that is no more.
  if (!statIfAny(layout.root)) return NOTHING_SWEPT;
  return await withExclusiveLock(layout, async (isLocked) => {
    const time = now();
    const snapshot = await takeSnapshot(layout, time);
    rejectNewerFormat(snapshot);
    const facts = { now: time, ages: CLEAR_AGES, inUse: inUse(snapshot, liveLeases(layout, time)) };
    const result = await sweep(snapshot, plan, facts, { isLocked, signal: options.signal });
    new Journal(layout).append(eventsOf(result, by, time));
    return result;
  }, options);
}

/** What the journal is to know of a sweep: nothing of one that took no entry. */
function eventsOf(result: SweepResult, by: string, time: number): JournalEvent[] {
  if (result.entries.length === 0) return [];
  const evicted = result.entries.map(({ name, digest, rule, why, scope, bytes, stamp }) => ({
    name,
    digest,
    rule,
    why,
    scope,
    bytes,
    lastUsed: Math.min(stamp, time),
  }));
  const { freed, entriesLeft, bytesLeft, typesLeft } = result;
  const at = new Date(time).toISOString();
  const event = { at, by, evicted, bytes: freed, entriesLeft, bytesLeft };
  return [sweepEvent(typesLeft.length > 0 ? { ...event, typesLeft: [...typesLeft] } : event)];
}

/** Nobody knows what has to stay if there is an entry of which nobody here knows what it needs. */
function rejectNewerFormat({ entries }: CacheSnapshot): void {
  const later = entries.find(({ isFromNewerVersion }) => isFromNewerVersion);
  if (!later) return;
  const { name, problem, folder } = later;
  throw new LarderError("LDR_BUSY", `what ${name} needs is not to be read: ${problem}`, {
    hint: `clean up with that larder, or delete ${folder}`,
  });
}

function factsOf(snapshot: CacheSnapshot, ages: Ages): Facts {
  rejectNewerFormat(snapshot);
  const now = snapshot.takenAt;
  const leases = liveLeases(snapshot.layout, now, { readOnly: true });
  return { now, ages, inUse: inUse(snapshot, leases) };
}
