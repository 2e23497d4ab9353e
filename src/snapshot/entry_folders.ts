import { type FileStat, statFile } from "./file_state.ts";
import { sep } from "node:path";
import { readBytesIfAny, readFolder, statIfAny } from "../base/files.ts";
import { CONFIG_FILE, MANIFEST_FILE, PIN_FILE, RECORD_FILE } from "../store/layout.ts";

const ENTRY_FILES = [MANIFEST_FILE, CONFIG_FILE, RECORD_FILE, PIN_FILE] as const;

/** All that a folder can have of them. Not made anew for each folder: there may be thousands. */
const FILE_SETS: readonly ReadonlySet<string>[] = Array.from(
  { length: 1 << ENTRY_FILES.length },
  (_, bits) => new Set(ENTRY_FILES.filter((_, i) => bits & 1 << i)),
);

/** What `writeFileAtomic` leaves of such a file when it is killed. */
const TEMPORARY = /^(?:manifest|config|record|pin)\.json(?:\.[0-9a-f]{8})?\.tmp$/;

/** A folder in a tree of entries. */
export interface Folder {
  readonly path: string;
  readonly name: string;
  /** The files of an entry, by their names. */
  readonly files: ReadonlySet<string>;
  readonly folders: readonly Folder[];
  /** Whether there is no file in it, nor in any folder below. */
  readonly isEmpty: boolean;
}

/** A folder of an entry, or of the manifest with a digest. */
export type EntryFolder = Pick<Folder, "path" | "files">;

/** The times and the size of a file. */
export interface FileTimes {
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly modified: number | undefined;
  readonly created: number | undefined;
}

/** Files and folders that a survey comes across. */
export interface StrayFiles {
  readonly rubbish: FileStat[];
  readonly foreign: FileStat[];
  readonly emptyFolders: string[];
}

/** Reads a tree of entries; what is none of their files goes to `oddments`. */
export function readTree(path: string, strays: StrayFiles): readonly Folder[] {
  return readFolder(path).flatMap(({ name, isDirectory, isFile }) => {
    if (isDirectory) return readSubtree(path, name, strays);
    put(path + sep + name, isFile && TEMPORARY.test(name), strays);
    return [];
  });
}

/** Reads one of a tree's folders, with all below it. */
function readSubtree(path: string, name: string, strays: StrayFiles): Folder {
  const own = path + sep + name;
  let bits = 0;
  const folders: Folder[] = [];
  let isEmpty = true;
  for (const entry of readFolder(own)) {
    if (entry.isDirectory) {
      const folder = readSubtree(own, entry.name, strays);
      isEmpty &&= folder.isEmpty;
      folders.push(folder);
      continue;
    }
    isEmpty = false;
    const place = entry.isFile ? ENTRY_FILES.indexOf(entry.name as typeof ENTRY_FILES[number]) : -1;
    if (place >= 0) bits |= 1 << place;
    else put(own + sep + entry.name, entry.isFile && TEMPORARY.test(entry.name), strays);
  }
  if (isEmpty) strays.emptyFolders.push(own);
  return { path: own, name, files: FILE_SETS[bits]!, folders, isEmpty };
}

/** One of a folder's files; undefined if it has none of that name, or it is gone. */
export function readEntryFile(
  folder: EntryFolder,
  name: string,
): Uint8Array<ArrayBuffer> | undefined {
  return folder.files.has(name) ? readBytesIfAny(folder.path + sep + name) : undefined;
}

/** The times and size of one of a folder's files; undefined if the folder has none of that name, or it is gone. */
export function readTimes(folder: EntryFolder, name: string): FileTimes | undefined {
  if (!folder.files.has(name)) return undefined;
  const info = statIfAny(folder.path + sep + name);
  if (!info) return undefined;
  const modified = info.mtime?.getTime();
  return { size: info.size, modified, created: info.birthtime?.getTime() ?? modified };
}

/** Notes the files of a folder that stand where no entry can be, or that are left of one. */
export function addStrayFiles(folder: Folder, isRubbish: boolean, strays: StrayFiles): void {
  for (const name of folder.files) put(folder.path + sep + name, isRubbish, strays);
}

function put(path: string, isRubbish: boolean, { rubbish, foreign }: StrayFiles): void {
  const file = statFile(path);
  if (file) (isRubbish ? rubbish : foreign).push(file);
}
