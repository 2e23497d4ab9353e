import { dirname, join } from "node:path";
import { hasCode, messageOf } from "../../base/errors.ts";
import { removeIfAny, statIfAny } from "../../base/files/files.ts";
import { type Content, statFile } from "../../snapshot/file_state.ts";
import type { SnapshotEntry } from "../../snapshot/types.ts";
import { CONFIG_FILE, MANIFEST_FILE, PIN_FILE, RECORD_FILE } from "../../store/layout.ts";
import { isAsPlanned } from "./current_plan.ts";
import type { PlannedFile } from "../plan.ts";

/** The result of an attempt to delete something: the bytes that this freed, or why it was kept. */
export type Deletion =
  | { readonly freed: number; readonly skipped?: undefined }
  | { readonly skipped: string };

/** Roots before leaves: without a record an entry is not larder's, and without a manifest it is not an entry. */
const DELETION_ORDER = [PIN_FILE, RECORD_FILE, MANIFEST_FILE, CONFIG_FILE];

const USED_SINCE = { skipped: "used since the plan was made" };
const WRITTEN_SINCE = { skipped: "written since the plan was made" };

/**
 * Deletes the own files of an entry, unless it was used since the snapshot.
 * @throws LarderError LDR_READ_ONLY
 */
export function removeEntry(entry: SnapshotEntry): Deletion {
  const { folder, stamp, stampFile, ownFiles } = entry;
  const lastUsed = statIfAny(join(folder, stampFile))?.mtime?.getTime() ?? 0;
  if (lastUsed !== stamp) return USED_SINCE;
  const paths = DELETION_ORDER.filter((name) => ownFiles.includes(name))
    .map((name) => join(folder, name));
  // Not `ownSize`, which counts a config as large as its manifest states.
  const size = paths.reduce((sum, path) => sum + (statIfAny(path)?.size ?? 0), 0);
  return removeFiles(paths, size);
}

/**
 * Deletes content, unless its files changed since they were planned.
 * @throws LarderError LDR_READ_ONLY
 */
export function removeContent(content: Content, planned: PlannedFile): Deletion {
  if (!isAsPlanned(content.stat(), planned)) return WRITTEN_SINCE;
  const names = content.tree === "manifests" ? [MANIFEST_FILE, CONFIG_FILE] : [""];
  const paths = names.map((name) => join(content.path, name));
  return removeFiles([...paths, ...content.filesPath ? [content.filesPath] : []], planned.size);
}

/**
 * Deletes a download or a piece of rubbish, unless it changed since it was planned.
 * @throws LarderError LDR_READ_ONLY
 */
export function removeStrayFile(path: string, planned: PlannedFile): Deletion {
  if (!isAsPlanned(statFile(path), planned)) return WRITTEN_SINCE;
  return removeFiles([path], planned.size);
}

/**
 * Deletes empty folders, and parents that this makes empty.
 * @param roots folders that are kept, and above which nothing is deleted
 */
export function removeEmptyFolders(folders: Iterable<string>, roots: ReadonlySet<string>): void {
  for (const folder of folders) {
    for (let path = folder; isBelow(path, roots) && removeFolder(path);) path = dirname(path);
  }
}

function isBelow(path: string, roots: ReadonlySet<string>): boolean {
  return !roots.has(path) && path !== dirname(path);
}

function removeFolder(path: string): boolean {
  try {
    Deno.removeSync(path);
    return true;
  } catch {
    return false; // It is not empty, or was deleted with its parent.
  }
}

/**
 * Deletes files. One that cannot be deleted, such as a file that a program has open on Windows, is kept and does not
 * stop the sweep.
 * @param size of all of them
 */
function removeFiles(paths: readonly string[], size: number): Deletion {
  try {
    for (const path of paths) removeIfAny(path);
    return { freed: size };
  } catch (error) {
    if (hasCode(error, "LDR_READ_ONLY")) throw error;
    return { skipped: messageOf(error) };
  }
}
