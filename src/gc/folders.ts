import { sep } from "node:path";
import { readFolder } from "../base/files.ts";
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
}

/** Files and folders that a survey comes across. */
export interface Oddments {
  readonly rubbish: LooseFile[];
  readonly foreign: LooseFile[];
  readonly emptyFolders: string[];
}

/** Reads a tree of entries; what is none of their files goes to `oddments`. */
export function readTree(path: string, oddments: Oddments): readonly Folder[] {
  const { folders } = readOne(path, "", oddments);
  return folders;
}

function readOne(path: string, name: string, oddments: Oddments): Folder & { empty: boolean } {
  const files = new Set<string>();
  const folders: Folder[] = [];
  let empty = true;
  for (const entry of readFolder(path)) {
    // Not joined anew for each: there are tens of thousands.
    const own = path + sep + entry.name;
    if (entry.isDirectory) {
      const folder = readOne(own, entry.name, oddments);
      if (folder.empty) oddments.emptyFolders.push(folder.path);
      else empty = false;
      folders.push(folder);
      continue;
    }
    empty = false;
    if (entry.isFile && ENTRY_FILES.has(entry.name)) files.add(entry.name);
    else put(own, TEMPORARY.test(entry.name) && entry.isFile, oddments);
  }
  return { path, name, files, folders, empty };
}

/** Notes the files of a folder that stand where no entry can be, or that are left of one. */
export function putFiles(folder: Folder, isRubbish: boolean, oddments: Oddments): void {
  for (const name of folder.files) put(folder.path + sep + name, isRubbish, oddments);
}

function put(path: string, isRubbish: boolean, { rubbish, foreign }: Oddments): void {
  const file = looseFile(path);
  if (file) (isRubbish ? rubbish : foreign).push(file);
}
