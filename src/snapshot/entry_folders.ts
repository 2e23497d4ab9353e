import { sep } from "node:path";
import { readBytesIfAny, readFolder, statIfAny } from "../base/files.ts";
import { CONFIG_FILE, MANIFEST_FILE, PIN_FILE, RECORD_FILE } from "../store/layout.ts";
import { type FileStat, statFile } from "./file_state.ts";

const ENTRY_FILES = [MANIFEST_FILE, CONFIG_FILE, RECORD_FILE, PIN_FILE] as const;

/** Every subset of {@link ENTRY_FILES}, by its bits: thousands of folders share these 16 sets. */
const FILE_SETS: readonly ReadonlySet<string>[] = Array.from(
  { length: 1 << ENTRY_FILES.length },
  (_, bits) => new Set(ENTRY_FILES.filter((_, i) => bits & 1 << i)),
);

/** Temporary files that a killed `writeFileAtomic` leaves beside such a file. */
const TEMPORARY = /^(?:manifest|config|record|pin)\.json(?:\.[0-9a-f]{8})?\.tmp$/;

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
  readonly created: number | undefined;
}

/** What a snapshot finds that is neither an entry nor content. */
export interface StrayFiles {
  /** Files that larder wrote and nothing needs: temporary files, and files of entries that no longer exist. */
  readonly rubbish: FileStat[];
  /** Files that larder did not write. */
  readonly foreign: FileStat[];
  readonly emptyFolders: string[];
  /** The number of folders in the trees of entries. */
  folderCount: number;
}

/** Lists a tree of entries; files that no entry can have are added to the stray files. */
export function readTree(path: string, strays: StrayFiles): readonly Folder[] {
  return readFolder(path).flatMap(({ name, isDirectory, isFile }) => {
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
  let isEmpty = true;
  for (const child of readFolder(path)) {
    if (child.isDirectory) {
      const folder = readSubtree(path, child.name, strays);
      isEmpty &&= folder.isEmpty;
      folders.push(folder);
      continue;
    }
    isEmpty = false;
    const bit = child.isFile ? ENTRY_FILES.indexOf(child.name as typeof ENTRY_FILES[number]) : -1;
    if (bit >= 0) bits |= 1 << bit;
    else addStray(path + sep + child.name, child.isFile && TEMPORARY.test(child.name), strays);
  }
  if (isEmpty) strays.emptyFolders.push(path);
  return { path, name, files: FILE_SETS[bits]!, folders, isEmpty };
}

/** Reads a file of a folder; undefined if the folder has none of that name, or it is gone. */
export function readEntryFile(
  folder: EntryFolder,
  name: string,
): Uint8Array<ArrayBuffer> | undefined {
  return folder.files.has(name) ? readBytesIfAny(folder.path + sep + name) : undefined;
}

/** Stats a file of a folder; undefined if the folder has none of that name, or it is gone. */
export function readTimes(folder: EntryFolder, name: string): FileTimes | undefined {
  if (!folder.files.has(name)) return undefined;
  const info = statIfAny(folder.path + sep + name);
  if (!info) return undefined;
  const modified = info.mtime?.getTime();
  return { size: info.size, modified, created: info.birthtime?.getTime() ?? modified };
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

function addStray(path: string, isRubbish: boolean, { rubbish, foreign }: StrayFiles): void {
  const file = statFile(path);
  if (file) (isRubbish ? rubbish : foreign).push(file);
}
