import { foreignPath, takeOverCommand } from "../base/owner.ts";
import { takeListedSnapshot } from "../snapshot/listed_snapshot.ts";
import { takeSnapshot } from "../snapshot/snapshot.ts";
import type { CacheSnapshot } from "../snapshot/types.ts";
import type { UnreadablePath } from "../snapshot/unreadable.ts";
import type { LeaseContent } from "../store/locks/lease_format.ts";
import { liveLeases } from "../store/locks/leases.ts";
import { Journal, type JournalEvent } from "../store/journal/journal.ts";
import type { FileFault } from "../store/own_file.ts";
import type { Context } from "./context.ts";

/**
 * Takes a snapshot of the cache, and warns once about what of it could not be read.
 * @param options.listed for a command that removes content: see {@link takeListedSnapshot}
 */
export async function readCache(
  context: Context,
  now: number,
  { listed = false } = {},
): Promise<CacheSnapshot> {
  const snapshot = await (listed ? takeListedSnapshot : takeSnapshot)(context.layout, now);
  warnOfUnreadable(context, snapshot);
  const { faults, isComplete } = snapshot.pins;
  warnOfFaults(
    context,
    faults,
    isComplete ? "" : "any entry may be pinned, so gc and clean keep all",
  );
  return snapshot;
}

/** Reads the leases of running processes, and warns once about those that could not be read. */
export function readLeases(context: Context, now: number): LeaseContent[] {
  const leases = liveLeases(context.layout, now, { readOnly: true });
  const problem = leases.find((lease) => lease.problem !== undefined)?.problem;
  if (problem) {
    const top = foreignPath(problem.path)?.top;
    const remedy = top === undefined ? "" : ` until then: ${takeOverCommand(top)}`;
    context.warnOnce(`${problem.text}; gc and clean remove no entry and no blob${remedy}`);
  }
  return leases;
}

/**
 * Reads the journal, and warns once about what of it could not be read.
 * @param which the recent events, or also the last fetches and removals before them
 */
export function readJournal(context: Context, which: "read" | "history"): JournalEvent[] {
  const journal = new Journal(context.layout);
  return journal[which]((fault) => warnOfFaults(context, [fault], "the events in it are left out"));
}

/** Warns about a damaged file of larder's own. @param effect what follows from it, if anything */
export function warnOfFaults(context: Context, faults: readonly FileFault[], effect = ""): void {
  const [first] = faults;
  if (!first) return;
  const { path, detail, error } = first;
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : "";
  const parts = [
    error ? detail : `${path} is damaged: ${detail}${more}`,
    effect,
    error ? remedyFor({ path, error }) : "larder verify --repair repairs it",
  ];
  context.warnOnce(parts.filter((part) => part !== "").join("; "));
}

function warnOfUnreadable(
  context: Context,
  { unreadable, hasUnknownReferences }: CacheSnapshot,
): void {
  const [first, ...others] = unreadable;
  if (!first) return;
  const more = others.length > 0 ? ` (and ${others.length} more)` : "";
  const effect = hasUnknownReferences ? "gc and clean keep every blob until then: " : "";
  context.warnOnce(`${first.error.message}${more}; ${effect}${remedyFor(first)}`);
}

/** Returns what to type so that this user may read a path. */
export function remedyFor({ path, error }: UnreadablePath): string {
  const top = foreignPath(path)?.top;
  return top === undefined ? error.hint : takeOverCommand(top);
}
