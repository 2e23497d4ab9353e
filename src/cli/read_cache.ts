import { join } from "node:path";
import { takeOverCommandFor } from "../base/files/owner.ts";
import { plural } from "../base/units.ts";
import { takeSnapshot } from "../snapshot/snapshot.ts";
import type { CacheSnapshot } from "../snapshot/types.ts";
import type { UnreadablePath } from "../snapshot/unreadable.ts";
import { isLockable } from "../store/locks/file_lock.ts";
import { type FileFault, isByNewer } from "../store/own_file.ts";
import type { Context } from "./context.ts";
import { statusLine } from "./terminal/status_line.ts";

/**
 * Reads the whole cache, shows progress on a terminal if that takes long, and warns once about what could not be read.
 *
 * @param now milliseconds since the epoch
 * @param options.listed for a command that removes content: see `takeListedSnapshot`
 */
export async function readCache(
  context: Context,
  now: number,
  { listed = false } = {},
): Promise<CacheSnapshot> {
  using status = statusLine(context);
  // Loaded only for removals: it needs the code that writes blobs.
  const take = listed
    ? (await import("../snapshot/listed_snapshot.ts")).takeListedSnapshot
    : takeSnapshot;
  const snapshot = await take(context.layout, now, {
    progressed: (entries) => status.update(() => readingText(entries)),
  });
  warnOfSnapshot(context, snapshot);
  return snapshot;
}

/** Warns once about what a snapshot lacks. */
export function warnOfSnapshot(context: Context, snapshot: CacheSnapshot): void {
  warnOfUnreadable(context, snapshot);
  warnOfNewerRecords(context, snapshot);
  const { faults, isComplete } = snapshot.pins;
  warnOfFaults(
    context,
    faults,
    isComplete ? "" : "any entry may be pinned, so gc and clean keep all",
  );
}

/** The progress of reading the cache. */
export function readingText(entries: number): string {
  return `reading the cache: ${plural(entries, "entry", "entries")}`;
}

/** False if the file system has no locks; then a sweep leaves alone what was used or written lately. */
export function hasLocks({ entries, contents }: CacheSnapshot): boolean {
  const [entry] = entries;
  const content = contents.find(({ tree }) => tree !== "manifests");
  const path = entry ? join(entry.folder, entry.stampFile) : content?.path;
  return path === undefined || isLockable(path);
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
