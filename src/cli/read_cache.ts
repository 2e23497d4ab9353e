import { join } from "node:path";
import { readFolder } from "../base/files.ts";
import { takeOverCommandFor } from "../base/owner.ts";
import { plural } from "../base/units.ts";
import { parseReference, type Reference } from "../oci/reference.ts";
import { takeListedSnapshot } from "../snapshot/listed_snapshot.ts";
import { takeSnapshot } from "../snapshot/snapshot.ts";
import type { CacheSnapshot, SnapshotEntry } from "../snapshot/types.ts";
import { Unreadable, type UnreadablePath } from "../snapshot/unreadable.ts";
import { spellings } from "../store/entry_names.ts";
import { Journal, type JournalEvent } from "../store/journal/journal.ts";
import type { LeaseContent } from "../store/locks/lease_format.ts";
import { isLockable } from "../store/locks/file_lock.ts";
import { liveLeases } from "../store/locks/leases.ts";
import { type FileFault, isByNewer } from "../store/own_file.ts";
import type { Context } from "./context.ts";
import { nameIn } from "./entry_lookup.ts";
import { readName } from "./reference_argument.ts";
import { statusLine } from "./terminal/status_line.ts";

/** Folders in the tree of apps and images up to which all are read for one name: that takes 0.1 s. */
const FEW_FOLDERS = 1000;

/**
 * Reads the whole cache, shows progress on a terminal if that takes long, and warns once about what could not be read.
 *
 * @param now milliseconds since the epoch
 * @param options.listed for a command that removes content: see {@link takeListedSnapshot}
 */
export async function readCache(
  context: Context,
  now: number,
  { listed = false } = {},
): Promise<CacheSnapshot> {
  using status = statusLine(context);
  const take = listed ? takeListedSnapshot : takeSnapshot;
  const snapshot = await take(context.layout, now, {
    progressed: (entries) => status.update(() => readingText(entries)),
  });
  warnOfSnapshot(context, snapshot);
  return snapshot;
}

function warnOfSnapshot(context: Context, snapshot: CacheSnapshot): void {
  warnOfUnreadable(context, snapshot);
  warnOfNewerRecords(context, snapshot);
  const { faults, isComplete } = snapshot.pins;
  warnOfFaults(
    context,
    faults,
    isComplete ? "" : "any entry may be pinned, so gc and clean keep all",
  );
}

/** What was read of a cache to find one name. */
export interface NamedPart {
  readonly snapshot: CacheSnapshot;
  /** False if other repositories were left out, which may share content with the entry. */
  readonly isWhole: boolean;
}

/**
 * Reads of a large cache only the repository that a name is in, and everything if the name is not that of an entry in
 * full, or `isEnough` is false for its entry.
 */
export async function readCacheFor(
  context: Context,
  name: string,
  now: number,
  isEnough: (entry: SnapshotEntry) => boolean,
): Promise<NamedPart> {
  const { layout } = context;
  const repository = referenceIn(name);
  if (repository && hasMoreFolders(layout.manifests, FEW_FOLDERS)) {
    const snapshot = await takeSnapshot(layout, now, { repository });
    const text = nameIn(snapshot.entries, name);
    const named = snapshot.entries.filter((entry) => spellings(entry.name).includes(text));
    if (named.length === 1 && isEnough(named[0]!)) {
      warnOfSnapshot(context, snapshot);
      return { snapshot, isWhole: false };
    }
  }
  return { snapshot: await readCache(context, now), isWhole: true };
}

function referenceIn(name: string): Reference | undefined {
  try {
    return parseReference(readName(name));
  } catch {
    return undefined; // The name of another type, or part of a name.
  }
}

/** True if there are more folders than this below a folder, as far as this user may read them. */
function hasMoreFolders(root: string, limit: number): boolean {
  const unreadable = new Unreadable();
  const folders = [root];
  for (let i = 0; i < folders.length && folders.length <= limit; i++) {
    const path = folders[i]!;
    for (const { name, isDirectory } of unreadable.attempt(path, () => readFolder(path), [])) {
      if (isDirectory) folders.push(join(path, name));
    }
  }
  return folders.length > limit;
}

/** The progress of reading the cache. */
export function readingText(entries: number): string {
  return `reading the cache: ${plural(entries, "entry", "entries")}`;
}

/** Reads the leases of running processes, and warns once about those that could not be read. */
export function readLeases(context: Context, now: number): LeaseContent[] {
  const leases = liveLeases(context.layout, now, { readOnly: true });
  const problem = leases.find((lease) => lease.problem !== undefined)?.problem;
  if (problem) {
    const command = takeOverCommandFor([problem.path], context.layout.root);
    const remedy = command === undefined ? "" : ` until this is repaired: ${command}`;
    context.warnOnce(`${problem.text}; gc and clean remove no entry and no blob${remedy}`);
  }
  return leases;
}

/** False if the file system has no locks; then a sweep leaves alone what was used or written lately. */
export function hasLocks({ entries, contents }: CacheSnapshot): boolean {
  const [entry] = entries;
  const content = contents.find(({ tree }) => tree !== "manifests");
  const path = entry ? join(entry.folder, entry.stampFile) : content?.path;
  return path === undefined || isLockable(path);
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
  const isNewer = isByNewer(detail);
  const parts = [
    error ? detail : isNewer ? `${path}: ${detail}` : `${path} is damaged: ${detail}${more}`,
    effect,
    error
      ? remedyFor(context, [{ path, error }])
      : isNewer
      ? "use the newer larder"
      : "larder verify --repair repairs it",
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
  const effect = hasUnknownReferences
    ? "gc and clean keep every blob until this is repaired: "
    : "";
  context.warnOnce(`${first.error.message}${more}; ${effect}${remedyFor(context, unreadable)}`);
}

function warnOfNewerRecords(context: Context, { entries }: CacheSnapshot): void {
  const [first, ...others] = entries.filter(({ isFromNewerVersion }) => isFromNewerVersion);
  if (!first) return;
  const more = others.length > 0 ? ` (and ${others.length} more)` : "";
  context.warnOnce(
    `a newer larder wrote the record of ${first.name}${more}; gc and clean keep it and every blob, ` +
      "because it may need them; use the newer larder",
  );
}

/** Returns what to type so that this user may read some paths. */
function remedyFor({ layout }: Context, unreadable: readonly UnreadablePath[]): string {
  const paths = unreadable.map(({ path }) => path);
  return takeOverCommandFor(paths, layout.root) ?? unreadable[0]!.error.hint;
}
