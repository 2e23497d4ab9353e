import { LarderError } from "../../../base/errors.ts";
import { isGlob } from "../../../base/glob.ts";
import { planFiles } from "../../../gc/plan.ts";
import { planClean } from "../../../gc/planner.ts";
import { takeSnapshot } from "../../../snapshot/snapshot.ts";
import type { CacheSnapshot, SnapshotEntry } from "../../../snapshot/types.ts";
import { liveLeases } from "../../../store/locks/leases.ts";
import { noSuchEntry, selectForRemoval } from "../../entry_lookup.ts";
import type { Context } from "../../context.ts";
import { compileFilter } from "../../query/filter.ts";
import { itemOfEntry, type ItemType } from "../../query/items.ts";
import { showAndSweep, type SweepingOptions } from "./confirm_and_sweep.ts";

const DAY = 86_400_000;

export interface CleanOptions extends SweepingOptions {
  readonly type?: readonly ItemType[];
  /** Unused for so many days. */
  readonly days?: number;
  readonly filter?: string;
  readonly includePinned?: boolean;
}

/** `larder clean`: removes what is named and fits, or everything, and then what nothing needs any more. */
export async function clean(
  context: Context,
  names: readonly string[],
  options: CleanOptions,
): Promise<void> {
  checkOptions(names, options);
  const now = Date.now();
  const fits = await criteria(options, now);
  const snapshot = await takeSnapshot(context.layout, now);
  const asked = new Set(called(context, snapshot, names).filter(fits));
  const leases = liveLeases(context.layout, now, { readOnly: true });
  const draft = planClean(snapshot, asked, { leases }, {
    includePinned: options.includePinned,
    everything: isEverything(names, options),
  });
  await showAndSweep(context, draft, () => planFiles(context.layout, draft), options, {
    by: "clean",
    nothing: names.length === 0 && snapshot.entries.length === 0
      ? `the cache ${context.layout.root} is empty`
      : "there is nothing of that to remove",
  });
}

/** What belongs to no entry has no name, and nothing that the rest of the options could choose by. */
function checkOptions(names: readonly string[], { type, days, filter }: CleanOptions): void {
  if (!type?.includes("blob")) return;
  if (names.length === 0 && days === undefined && filter === undefined) return;
  throw new LarderError("LDR_USAGE", "--type blob takes no names, no --days and no --filter", {
    hint: "blobs go when no entry needs them: larder clean --type blob removes all of these",
  });
}

/** Whether also that goes which belongs to no entry: where blobs are asked for, or all there is. */
function isEverything(names: readonly string[], { type, days, filter }: CleanOptions): boolean {
  if (type?.includes("blob")) return true;
  return names.length === 0 && type === undefined && days === undefined && filter === undefined;
}

function called(
  context: Context,
  { entries }: CacheSnapshot,
  names: readonly string[],
): SnapshotEntry[] {
  if (names.length === 0) return [...entries];
  return names.flatMap((name) => {
    const found = selectForRemoval(entries, name);
    if (found.length === 0 && !isGlob(name)) throw noSuchEntry(entries, name);
    if (found.length === 0) context.warn(`nothing in the cache matches ${name}`);
    return found;
  });
}

async function criteria(
  { type, days, filter }: CleanOptions,
  now: number,
): Promise<(entry: SnapshotEntry) => boolean> {
  const matches = filter === undefined ? undefined : await compileFilter(filter, now);
  return (entry) =>
    (type === undefined || type.includes(entry.type)) &&
    (days === undefined || now - entry.lastUsed >= days * DAY) &&
    (matches === undefined || matches(itemOfEntry(entry)));
}
