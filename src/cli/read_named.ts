import { join } from "node:path";
import { readFolder } from "../base/files/files.ts";
import { parseReference, type Reference } from "../oci/reference.ts";
import { takeSnapshot } from "../snapshot/snapshot.ts";
import type { CacheSnapshot, SnapshotEntry } from "../snapshot/types.ts";
import { Unreadable } from "../snapshot/unreadable.ts";
import { spellings } from "../store/entry_names.ts";
import type { Context } from "./context.ts";
import { nameIn } from "./entry_lookup.ts";
import { readCache, warnOfSnapshot } from "./read_cache.ts";
import { readName } from "./reference_argument.ts";

/** Folders in the tree of apps and images up to which all are read for one name: that takes 0.1 s. */
const FEW_FOLDERS = 1000;

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
