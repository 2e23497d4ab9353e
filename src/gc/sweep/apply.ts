import { join } from "node:path";
import { statIfAny, tryTouch } from "../../base/files/files.ts";
import { CLOCK_SKEW } from "../../base/limits.ts";
import { takeListedSnapshot } from "../../snapshot/listed_snapshot.ts";
import type { SnapshotOptions } from "../../snapshot/snapshot.ts";
import type { CacheSnapshot } from "../../snapshot/types.ts";
import { Journal, type JournalEvent, sweepEvent } from "../../store/journal/journal.ts";
import type { Layout } from "../../store/layout.ts";
import type { LeaseContent } from "../../store/locks/lease_format.ts";
import { liveLeases } from "../../store/locks/leases.ts";
import { type ExclusiveLockOptions, withExclusiveLock } from "../../store/locks/store_lock.ts";
import { type CurrentPlan, currentPlan } from "./current_plan.ts";
import type { Plan } from "../plan.ts";
import { factsToApply, type Surroundings } from "../planner.ts";
import { sweep, type SweepOptions, type SweepResult } from "./sweep.ts";

export interface ApplyOptions extends ExclusiveLockOptions, SweepOptions, SnapshotOptions {
  /** The command that removes, for the journal. */
  readonly by: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** What the calling process uses; it need not have a lease on disk, for which a full disk has no room. */
  readonly uses?: LeaseContent | undefined;
}

const NOTHING_SWEPT: SweepResult = {
  freed: 0,
  entries: [],
  files: 0,
  entriesLeft: 0,
  bytesLeft: 0,
  typesLeft: [],
  skipped: [],
};

/**
 * Applies a plan: takes the store's exclusive lock and a second snapshot, deletes what is unchanged since the plan was
 * made, and appends the removals to the journal. A failure after the first removal is part of the result.
 *
 * @throws LarderError LDR_BUSY, LDR_DISK*, LDR_READ_ONLY, LDR_INTERRUPTED
 */
export async function applyPlan(
  layout: Layout,
  plan: Plan,
  { now, by, uses, swept, progressed, ...options }: ApplyOptions,
): Promise<SweepResult> {
  // The lock would create the folder of a cache that was deleted.
  if (!statIfAny(layout.root)) return NOTHING_SWEPT;
  return await withExclusiveLock(layout, async (isLocked) => {
    const time = now();
    const snapshot = await takeListedSnapshot(layout, time, {
      progressed,
      signal: options.signal,
    });
    const leases = [...liveLeases(layout, time), ...uses ? [uses] : []];
    const facts = factsToApply(snapshot, { leases, hasLocks: isLocked });
    const result = await sweep(snapshot, plan, facts, { swept, signal: options.signal });
    if (result.failure !== undefined && result.entries.length + result.files === 0) {
      throw result.failure;
    }
    new Journal(layout).append(eventsOf(result, by, snapshot));
    return result;
  }, options);
}

/** Returns what of a plan would be removed now. Changes nothing. */
export function previewPlan(
  snapshot: CacheSnapshot,
  plan: Plan,
  surroundings: Surroundings,
): CurrentPlan {
  return currentPlan(snapshot, plan, factsToApply(snapshot, surroundings));
}

/**
 * Marks entries as used now that have no time in the past, because the clock was wrong when they were pulled and used:
 * from now on they grow old. All others have a last use that is known.
 */
export function resetFutureTimes({ entries, takenAt }: CacheSnapshot): void {
  for (const { folder, stampFile, stamp, lastUsed } of entries) {
    if (lastUsed === takenAt && stamp > takenAt + CLOCK_SKEW) {
      tryTouch(join(folder, stampFile), takenAt);
    }
  }
}

/** Returns what the journal records of a sweep: nothing unless it removed an entry. */
function eventsOf(result: SweepResult, by: string, snapshot: CacheSnapshot): JournalEvent[] {
  if (result.entries.length === 0) return [];
  const { entries, layout, takenAt: time } = snapshot;
  const lastUses = new Map(entries.map(({ folder, lastUsed }) => [folder, lastUsed]));
  const evicted = result.entries.map(({ name, path, digest, rule, why, scope, bytes }) => ({
    name,
    digest,
    rule,
    why,
    scope,
    bytes,
    lastUsed: lastUses.get(join(layout.root, ...path.split("/")))!,
  }));
  const { freed, entriesLeft, bytesLeft, typesLeft } = result;
  const at = new Date(time).toISOString();
  const event = { at, by, evicted, bytes: freed, entriesLeft, bytesLeft };
  return [sweepEvent(typesLeft.length > 0 ? { ...event, typesLeft: [...typesLeft] } : event)];
}
