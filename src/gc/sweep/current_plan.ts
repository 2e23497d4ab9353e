import { join } from "node:path";
import { type FileState, statFile } from "../../snapshot/file_state.ts";
import type { CacheSnapshot, SnapshotEntry } from "../../snapshot/types.ts";
import type { Layout } from "../../store/layout.ts";
import type { Plan, PlannedEntry, PlannedFile } from "../plan.ts";
import { type Facts, isOlder, ReferenceCounts, sizeOf } from "../reference_counts.ts";
import { retentionReason } from "../retention.ts";

const GONE = "no longer in the cache";

/** A plan that was made earlier, as far as it still holds. */
export interface CurrentPlan {
  readonly plan: Plan;
  /** The entries that are no longer removed, and why. */
  readonly leftOut: readonly { readonly name: string; readonly why: string }[];
  /** The number of other files that are no longer removed. */
  readonly filesLeftOut: number;
}

/**
 * Leaves out of a plan what a sweep would leave alone or not find any more, and computes what the rest frees.
 * @param snapshot of the cache as it is now
 */
export function currentPlan(snapshot: CacheSnapshot, plan: Plan, facts: Facts): CurrentPlan {
  const { root } = snapshot.layout;
  const ids = new Map(snapshot.contents.map(({ path }, id) => [path, id]));
  const planned = new Set(
    plan.remove.contents.flatMap(({ path }) => ids.get(pathOf(root, path)) ?? []),
  );
  const counts = new ReferenceCounts(snapshot, keepAllBut(planned, ids.values(), facts));
  const { entries, leftOut, ownSize } = currentEntries(snapshot, plan, facts, counts);
  const freed = new Set(counts.freed());
  const contents = plan.remove.contents.filter((file) => {
    const id = ids.get(pathOf(root, file.path));
    return id !== undefined && freed.has(id) &&
      isAsPlanned(snapshot.contents[id]!.stat(), file) && !reasonForAge(file, facts);
  });
  const isThere = (file: PlannedFile) =>
    isAsPlanned(statFile(pathOf(root, file.path)), file) && !reasonForAge(file, facts);
  const partials = plan.remove.partials.filter(isThere);
  const rubbish = plan.remove.rubbish.filter(isThere);
  const files = [...contents, ...partials, ...rubbish];
  const before = plan.remove.contents.length + plan.remove.partials.length +
    plan.remove.rubbish.length;
  const bytes = files.reduce((sum, { size }) => sum + size, ownSize);
  const remove = { entries, contents, partials, rubbish };
  return { plan: { ...plan, bytes, remove }, leftOut, filesLeftOut: before - files.length };
}

/** Returns why an entry that was planned to be removed is kept; undefined if the plan still holds for it. */
export function reasonToKeepEntry(
  entry: SnapshotEntry,
  planned: PlannedEntry,
  facts: Facts,
  pins: CacheSnapshot["pins"],
): string | undefined {
  if (entry.type !== planned.type || entry.digest !== planned.digest) {
    return "changed since the plan was made";
  }
  if (entry.stamp !== planned.stamp) return "used since the plan was made";
  return retentionReason(entry, facts, { pins, includePinned: planned.pinned })?.why;
}

/** Returns why a planned file is kept although nothing needs it; undefined if it is old enough. */
export function reasonForAge({ mtime }: PlannedFile, { ages, now }: Facts): string | undefined {
  if (isOlder(mtime, ages.content, now)) return undefined;
  return "written within the last hour, and this file system has no locks";
}

/** True if a file has not been written since it was planned. */
export function isAsPlanned(state: FileState | undefined, planned: PlannedFile): boolean {
  return state !== undefined && state.size === planned.size && state.mtime === planned.mtime;
}

/** Returns the path of something that a plan lists. */
export function pathOf(root: Layout["root"], planned: string): string {
  return join(root, ...planned.split("/"));
}

function currentEntries(
  snapshot: CacheSnapshot,
  plan: Plan,
  facts: Facts,
  counts: ReferenceCounts,
) {
  const { root } = snapshot.layout;
  const byFolder = new Map(snapshot.entries.map((entry) => [entry.folder, entry]));
  const entries: PlannedEntry[] = [];
  const leftOut: { name: string; why: string }[] = [];
  let ownSize = 0;
  for (const planned of plan.remove.entries) {
    const entry = byFolder.get(pathOf(root, planned.path));
    const why = entry ? reasonToKeepEntry(entry, planned, facts, snapshot.pins) : GONE;
    if (!entry || why !== undefined) {
      leftOut.push({ name: planned.name, why: why! });
    } else {
      const bytes = entry.ownSize + sizeOf(snapshot, counts.release(entry));
      entries.push({ ...planned, bytes });
      ownSize += entry.ownSize;
    }
  }
  return { entries, leftOut, ownSize };
}

/** Returns facts by which only planned content can be removed. */
function keepAllBut(planned: ReadonlySet<number>, ids: Iterable<number>, facts: Facts): Facts {
  const kept = new Set(facts.inUse.contentIds);
  for (const id of ids) if (!planned.has(id)) kept.add(id);
  return { ...facts, inUse: { ...facts.inUse, contentIds: kept } };
}
