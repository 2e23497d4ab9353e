import { join } from "node:path";
import { readFolder } from "../base/files.ts";
import { plural } from "../base/units.ts";
import { parseReference, type Reference } from "../oci/reference.ts";
import { takeSnapshot } from "../snapshot/snapshot.ts";
import type { CacheSnapshot, SnapshotEntry } from "../snapshot/types.ts";
import { spellings } from "../store/entry_names.ts";
import type { Context } from "./context.ts";
import { nameIn } from "./entry_lookup.ts";
import { readName } from "./reference_argument.ts";
import { statusLine } from "./terminal/status_line.ts";

/** Folders in the tree of apps and images up to which all are read for one name: that takes 0.1 s. */
const FEW_FOLDERS = 1000;

/**
 * Reads the whole cache, and shows progress on a terminal if that takes long.
 * @param now milliseconds since the epoch
 */
export async function readCache(
  context: Context,
  now: number,
  read: typeof takeSnapshot = takeSnapshot,
): Promise<CacheSnapshot> {
  using status = statusLine(context);
  return await read(context.layout, now, {
    progressed: (entries) => status.update(() => readingText(entries)),
  });
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
    if (named.length === 1 && isEnough(named[0]!)) return { snapshot, isWhole: false };
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

/** True if there are more folders than this below a folder. */
function hasMoreFolders(root: string, limit: number): boolean {
  const folders = [root];
  for (let i = 0; i < folders.length && folders.length <= limit; i++) {
    for (const { name, isDirectory } of readFolder(folders[i]!)) {
      if (isDirectory) folders.push(join(folders[i]!, name));
    }
  }
  return folders.length > limit;
}

/** The progress of reading the cache. */
export function readingText(entries: number): string {
  return `reading the cache: ${plural(entries, "entry", "entries")}`;
}
