import { sep } from "node:path";
import { readBytesIfAny, readFolder, statIfAny } from "../base/files/files.ts";
import { CONFIG_FILE, MANIFEST_FILE, PIN_FILE, RECORD_FILE } from "../store/layout.ts";
import { type FileStat, statFile } from "./file_state.ts";
import type { Unreadable } from "./unreadable.ts";

const ENTRY_FILES = [MANIFEST_FILE, CONFIG_FILE, RECORD_FILE, PIN_FILE] as const;

/** Files that count whatever is in their place: a link or an empty folder there does not unpin an entry. */
const MARKERS: ReadonlySet<string> = new Set([RECORD_FILE, PIN_FILE]);

/** Every subset of {@link ENTRY_FILES}, by its bits: thousands of folders share these 16 sets. */
const FILE_SETS: readonly ReadonlySet<string>[] = Array.from(
  { length: 1 << ENTRY_FILES.length },
  (_, bits) => new Set(ENTRY_FILES.filter((_, i) => bits & 1 << i)),
);

/** Files that a killed larder leaves: those of `writeFileAtomic`, and the lock of a repository that takes pushes. */
const TEMPORARY = /^(?:(?:manifest|config|record|pin)\.json(?:\.[0-9a-f]{8})?|\.changes)\.tmp$/;

/** A folder in a tree of entries, with everything below it. */
export interface Folder {
  readonly path: string;
  readonly name: string;
  /** The names of its {@link ENTRY_FILES}. */
  readonly files: ReadonlySet<string>;
  readonly folders: readonly Folder[];
  /** True if neither it nor any folder below holds a file. */
  readonly isEmpty: boolean;
}

/** A folder of an entry, or of the manifest with a digest. */
export type EntryFolder = Pick<Folder, "path" | "files">;

/** The size and times of a file; times are milliseconds since the epoch. */
export interface FileTimes {
  readonly size: number;
  readonly modified: number | undefined;
  /** When the inode last changed, which no program can set. */
  readonly changed: number | undefined;
  readonly created: number | undefined;
}

/** What a snapshot finds that is neither an entry nor content. */
export interface StrayFiles {
  /** Files that larder wrote and nothing needs: temporary files, and files of entries that no longer exist. */
  readonly rubbish: FileStat[];
  /** Files that larder did not write. */
  readonly foreign: FileStat[];
  readonly emptyFolders: string[];
  readonly unreadable: Unreadable;
  /** The number of folders in the trees of entries. */
  folderCount: number;
}

/** Lists a tree of entries; files that no entry can have are added to the stray files. */
export function readTree(path: string, strays: StrayFiles): readonly Folder[] {
  const children = strays.unreadable.attempt(path, () => readFolder(path), []);
  return children.flatMap(({ name, isDirectory, isFile }) => {
    if (isDirectory) return readSubtree(path, name, strays);
    addStray(path + sep + name, isFile && TEMPORARY.test(name), strays);
    return [];
  });
}

/** Lists a folder with everything below it; empty if it does not exist. */
export function readSubtree(parent: string, name: string, strays: StrayFiles): Folder {
  const path = parent + sep + name;
  strays.folderCount++;
  let bits = 0;
  const folders: Folder[] = [];
  const children = strays.unreadable.attempt(path, () => readFolder(path), undefined);
  let isEmpty = children !== undefined;
  for (const child of children ?? []) {
    const name = child.name as typeof ENTRY_FILES[number];
    let isEntryFile = child.isFile || MARKERS.has(name);
    if (child.isDirectory) {
      const before = strays.emptyFolders.length;
      const folder = readSubtree(path, child.name, strays);
      isEntryFile &&= folder.isEmpty;
      if (isEntryFile) strays.emptyFolders.length = before;
      else {
        isEmpty &&= folder.isEmpty;
        folders.push(folder);
        continue;
      }
    }
    isEmpty = false;
    const bit = isEntryFile ? ENTRY_FILES.indexOf(name) : -1;
    if (bit >= 0) bits |= 1 << bit;
    else addStray(path + sep + child.name, child.isFile && TEMPORARY.test(child.name), strays);
  }
  if (isEmpty) strays.emptyFolders.push(path);
  return { path, name, files: FILE_SETS[bits]!, folders, isEmpty };
}

/** Reads a file of a folder; undefined if the folder has none of that name, it is gone, or it cannot be read. */
export function readEntryFile(
  folder: EntryFolder,
  name: string,
  unreadable: Unreadable,
  limit?: number,
): Uint8Array<ArrayBuffer> | undefined {
  if (!folder.files.has(name)) return undefined;
  const path = folder.path + sep + name;
  return unreadable.attempt(path, () => readBytesIfAny(path, limit), undefined);
}

/** Stats a file of a folder; undefined if the folder has none of that name, or it is gone. */
export function readTimes(folder: EntryFolder, name: string): FileTimes | undefined {
  if (!folder.files.has(name)) return undefined;
  const info = statIfAny(folder.path + sep + name);
  if (!info) return undefined;
  const modified = info.mtime?.getTime();
  const changed = info.ctime?.getTime();
  return { size: info.size, modified, changed, created: info.birthtime?.getTime() ?? modified };
}

/** True if one file of a folder was written after another; Spin's last use of an entry is that of its manifest. */
export function isNewer(folder: Folder, name: string, other: string): boolean {
  return (readTimes(folder, name)?.modified ?? 0) > (readTimes(folder, other)?.modified ?? 0);
}

/**
 * Adds the files of a folder that is not an entry's to the stray files.
 * @param isRubbish true if an entry or a manifest can have this folder, and these files are left of one
 */
export function addStrayFiles(folder: Folder, isRubbish: boolean, strays: StrayFiles): void {
  for (const name of folder.files) addStray(folder.path + sep + name, isRubbish, strays);
}

function addStray(
  path: string,
  isRubbish: boolean,
  { rubbish, foreign, unreadable }: StrayFiles,
): void {
  const file = unreadable.attempt(path, () => statFile(path), undefined);
  if (file) (isRubbish ? rubbish : foreign).push(file);
}
