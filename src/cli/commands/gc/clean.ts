import { LarderError } from "../../../base/errors.ts";
import { isGlob } from "../../../base/glob.ts";
import { planFiles } from "../../../gc/plan.ts";
import { planClean } from "../../../gc/planner.ts";
import type { CacheSnapshot, SnapshotEntry } from "../../../snapshot/types.ts";
import type { Context } from "../../context.ts";
import { noEntryFor, selectForRemoval } from "../../entry_lookup.ts";
import { readCache, readLeases } from "../../read_cache.ts";
import { compileFilter } from "../../query/filter.ts";
import { itemOfEntry, type ItemType } from "../../query/items.ts";
import { showAndSweep, type SweepCommandOptions } from "./confirm_and_sweep.ts";

const DAY = 86_400_000;

export interface CleanOptions extends SweepCommandOptions {
  readonly type?: readonly ItemType[];
  /** Days since the last use. */
  readonly days?: number;
  readonly filter?: string;
  readonly includePinned?: boolean;
}

/** `larder clean`: removes the selected entries, or all of them, and the blobs that become unreferenced. */
export async function clean(
  context: Context,
  names: readonly string[],
  options: CleanOptions,
): Promise<void> {
  checkOptions(names, options);
  const now = Date.now();
  const matches = await criteria(options, now);
  const snapshot = await readCache(context, now, { listed: true });
  const selected = new Set(entriesNamed(context, snapshot, names).filter(matches));
  const leases = readLeases(context, now);
  const draft = planClean(snapshot, selected, { leases }, {
    includePinned: options.includePinned,
    everything: includesUnreferenced(names, options),
  });
  await showAndSweep(context, draft, () => planFiles(context.layout, draft), options, {
    by: "clean",
    nothing: names.length === 0 && snapshot.entries.length === 0
      ? `the cache ${context.layout.root} is empty`
      : selected.size > 0
      ? "nothing removed: every entry that matches is pinned or in use"
      : "nothing matches",
  });
}

/** Unreferenced blobs belong to no entry, so the criteria of entries do not apply to them. */
function checkOptions(names: readonly string[], { type, days, filter }: CleanOptions): void {
  if (!type?.includes("blob")) return;
  if (names.length === 0 && days === undefined && filter === undefined) return;
  throw new LarderError(
    "LDR_USAGE",
    "--type blob cannot be combined with names, --days or --filter",
    { hint: "larder clean --type blob removes every unreferenced blob" },
  );
}

/** True if all that belongs to no entry is removed too: with `--type blob`, or without any criterion. */
function includesUnreferenced(
  names: readonly string[],
  { type, days, filter }: CleanOptions,
): boolean {
  if (type?.includes("blob")) return true;
  return names.length === 0 && type === undefined && days === undefined && filter === undefined;
}

/** Returns the entries with these names, or all without names. @throws LarderError LDR_NOT_CACHED */
function entriesNamed(
  context: Context,
  snapshot: CacheSnapshot,
  names: readonly string[],
): SnapshotEntry[] {
  const { entries } = snapshot;
  if (names.length === 0) return [...entries];
  return names.flatMap((name) => {
    const named = selectForRemoval(entries, name);
    if (named.length === 0 && !isGlob(name)) throw noEntryFor(snapshot, name);
    if (named.length === 0) context.warn(`nothing in the cache matches ${name}`);
    return named;
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
