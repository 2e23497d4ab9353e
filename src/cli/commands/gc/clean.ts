import { LarderError } from "../../../base/errors.ts";
import { isGlob } from "../../../base/glob.ts";
import { DAY, plural } from "../../../base/units.ts";
import { planFiles } from "../../../gc/plan.ts";
import { planClean } from "../../../gc/planner.ts";
import type { CacheSnapshot, SnapshotEntry } from "../../../snapshot/types.ts";
import { shortName } from "../../../store/entry_names.ts";
import type { Context } from "../../context.ts";
import { noEntryFor, selectForRemoval } from "../../entry_lookup.ts";
import { readLeases } from "../../read_activity.ts";
import { hasLocks, readCache } from "../../read_cache.ts";
import { compileFilter } from "../../query/filter.ts";
import { itemOfEntry, type ItemType } from "../../query/items.ts";
import { showAndSweep, type SweepCommandOptions } from "./confirm_and_sweep.ts";

export interface CleanOptions extends SweepCommandOptions {
  readonly type?: readonly ItemType[];
  /** Days since the last use. */
  readonly days?: number;
  readonly filter?: string;
  readonly includePinned?: boolean;
}

/** An entry that was selected but not removed. */
interface KeptEntry {
  readonly name: string;
  readonly why: string;
  /** Undefined if it was to be removed, but changed meanwhile. */
  readonly rule?: string;
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
  const surroundings = { leases, hasLocks: hasLocks(snapshot) };
  const draft = planClean(snapshot, selected, surroundings, {
    includePinned: options.includePinned,
    includePushed: names.length > 0,
    everything: includesUnreferenced(names, options),
  });
  const outcome = await showAndSweep(
    context,
    draft,
    () => planFiles(context.layout, draft),
    options,
    { by: "clean", nothing: nothingToRemove(context, names, snapshot, selected.size > 0) },
  );
  if (outcome === "declined") return;
  const notRemoved: readonly KeptEntry[] = [...draft.keep, ...outcome?.skipped ?? []];
  const kept = new Map(notRemoved.map((each) => [each.name, each]));
  const named = names.filter((name) => !isGlob(name))
    .flatMap((name) => selectForRemoval([...selected], name));
  rejectKept([...new Set(named)].flatMap(({ name }) => kept.get(name) ?? []));
  if (draft.keep.some(({ rule }) => rule === "young")) {
    context.warn("without locks in this file system, entries are kept for an hour after a use");
  }
}

function nothingToRemove(
  { layout }: Context,
  names: readonly string[],
  { entries }: CacheSnapshot,
  isAnySelected: boolean,
): string {
  if (names.length === 0 && entries.length === 0) return `the cache ${layout.root} is empty`;
  return isAnySelected ? "nothing removed: every entry that matches is kept" : "nothing matches";
}

/**
 * Fails if an entry that the user named is kept. Entries that only match a glob or another criterion may be kept.
 * @throws LarderError LDR_KEPT
 */
function rejectKept(kept: readonly KeptEntry[]): void {
  const [first, ...others] = kept;
  if (!first) return;
  const more = others.length > 0 ? `, and ${plural(others.length, "other")} of those named` : "";
  throw new LarderError("LDR_KEPT", `${shortName(first.name)} is kept: ${first.why}${more}`, {
    hint: hintFor(first),
  });
}

function hintFor({ rule }: KeptEntry): string {
  switch (rule) {
    case "pinned":
      return "add --include-pinned, or unpin it: larder pins lists what is pinned";
    case "in use":
      return "end the process that uses it, then try again";
    case "unknown":
      return "use the newer larder to remove it";
    case "young":
      return "try again when it has not been used for an hour";
    default:
      return "another process has just used or changed it: try again if it is not needed";
  }
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
