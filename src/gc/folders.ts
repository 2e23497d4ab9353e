import { sep } from "node:path";
import { readBytesIfAny, readFolder, statIfAny } from "../base/files.ts";
import type { Digest } from "../oci/digest.ts";
import { CONFIG_FILE, MANIFEST_FILE, PIN_FILE, RECORD_FILE } from "../store/layout.ts";
import { looseFile } from "./loose_file.ts";
import type { LooseFile } from "./survey_types.ts";

const ENTRY_FILES = new Set([MANIFEST_FILE, CONFIG_FILE, RECORD_FILE, PIN_FILE]);

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
  /** Those of the files that were read along with it. */
  readonly read?: ReadonlyMap<string, ReadFile>;
}

/** A file of a folder, as it was when the folder was read. */
export interface ReadFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The SHA-256 of the bytes, if somebody has hashed them. */
  readonly digest?: Digest | undefined;
  readonly stamp?: Stamp | undefined;
}

/** The times and the size of a file. */
export interface Stamp {
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly modified: number | undefined;
  readonly created: number | undefined;
}

/** Reads files along with the folder that they are in. */
export type ReadAlong = (folder: Folder) => ReadonlyMap<string, ReadFile> | undefined;

/** Files and folders that a survey comes across. */
export interface Oddments {
  readonly rubbish: LooseFile[];
  readonly foreign: LooseFile[];
  readonly emptyFolders: string[];
}

/** Reads a tree of entries; what is none of their files goes to `oddments`. */
export function readTree(path: string, oddments: Oddments): readonly Folder[] {
  return listTree(path, oddments).names.map((name) => readSubtree(path, name, oddments));
}

/** The names of a tree's folders, and whether there is anything beside them. */
export function listTree(
  path: string,
  oddments: Oddments,
): { readonly names: string[]; readonly hasFiles: boolean } {
  const entries = readFolder(path);
  const names = entries.filter(({ isDirectory }) => isDirectory).map(({ name }) => name);
  for (const { name, isDirectory, isFile } of entries) {
    if (!isDirectory) put(path + sep + name, isFile && TEMPORARY.test(name), oddments);
  }
  return { names, hasFiles: names.length < entries.length };
}

/** Reads one of a tree's folders, with all below it. */
export function readSubtree(
  path: string,
  name: string,
  oddments: Oddments,
  along?: ReadAlong,
): Folder {
  const own = path + sep + name;
  const files = new Set<string>();
  const folders: Folder[] = [];
  let isEmpty = true;
  for (const entry of readFolder(own)) {
    if (entry.isDirectory) {
      const folder = readSubtree(own, entry.name, oddments, along);
      isEmpty &&= folder.isEmpty;
      folders.push(folder);
      continue;
    }
    isEmpty = false;
    if (entry.isFile && ENTRY_FILES.has(entry.name)) files.add(entry.name);
    else put(own + sep + entry.name, entry.isFile && TEMPORARY.test(entry.name), oddments);
  }
  if (isEmpty) oddments.emptyFolders.push(own);
  const folder = { path: own, name, files, folders, isEmpty };
  const read = along?.(folder);
  return read ? { ...folder, read } : folder;
}

/** One of a folder's files; undefined if it has none of that name, or it is gone. */
export function fileOf(folder: Folder, name: string): ReadFile | undefined {
  if (!folder.files.has(name)) return undefined;
  const read = folder.read?.get(name);
  if (read) return read;
  const bytes = readBytesIfAny(folder.path + sep + name);
  return bytes && { bytes };
}

/** Looks at one of a folder's files. */
export function stampOf(folder: Folder, name: string): Stamp | undefined {
  if (!folder.files.has(name)) return undefined;
  return folder.read?.get(name)?.stamp ?? stampAt(folder.path + sep + name);
}

/** Looks at a file; undefined if it is gone. */
export function stampAt(path: string): Stamp | undefined {
  const info = statIfAny(path);
  if (!info) return undefined;
  const modified = info.mtime?.getTime();
  return { size: info.size, modified, created: info.birthtime?.getTime() ?? modified };
}

/** Notes the files of a folder that stand where no entry can be, or that are left of one. */
export function putFiles(folder: Folder, isRubbish: boolean, oddments: Oddments): void {
  for (const name of folder.files) put(folder.path + sep + name, isRubbish, oddments);
}

function put(path: string, isRubbish: boolean, { rubbish, foreign }: Oddments): void {
  const file = looseFile(path);
  if (file) (isRubbish ? rubbish : foreign).push(file);
}
