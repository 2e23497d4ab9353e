import { dirname, join } from "node:path";
import { hasCode, messageOf } from "../base/errors.ts";
import { removeIfAny, statIfAny } from "../base/files.ts";
import { CONFIG_FILE, MANIFEST_FILE, PIN_FILE, RECORD_FILE } from "../store/layout.ts";
import { looseFile } from "./loose_file.ts";
import type { PlannedFile } from "./plan.ts";
import type { Content, FileState, SurveyEntry } from "./survey_types.ts";

/** What became of something that was to be deleted: the bytes that are free now, or why it stays. */
export type Outcome =
  | { readonly freed: number; readonly skipped?: undefined }
  | { readonly skipped: string };

/** Roots before leaves: without its record nothing is taken for larder's entry, without its manifest for anybody's. */
const ORDER = [PIN_FILE, RECORD_FILE, MANIFEST_FILE, CONFIG_FILE];

/**
 * Deletes an entry's own files, unless it was used since it was surveyed.
 * @throws LarderError LDR_READ_ONLY
 */
export function removeEntry(entry: SurveyEntry): Outcome {
  const { folder, stamp, stampFile, ownFiles } = entry;
  const used = statIfAny(join(folder, stampFile))?.mtime?.getTime() ?? 0;
  if (used !== stamp) return { skipped: "it was used since" };
  const paths = ORDER.filter((name) => ownFiles.includes(name)).map((name) => join(folder, name));
  // A survey believes what a manifest says of its config.
  const size = paths.reduce((sum, path) => sum + (statIfAny(path)?.size ?? 0), 0);
  return removeFiles(paths, size);
}

/**
 * Deletes content, unless it is not any more as it was planned.
 * @throws LarderError LDR_READ_ONLY
 */
export function removeContent(content: Content, planned: PlannedFile): Outcome {
  if (!isAsPlanned(content.look(), planned)) return { skipped: "it was written since" };
  const names = content.tree === "manifests" ? [MANIFEST_FILE, CONFIG_FILE] : [""];
  return removeFiles(names.map((name) => join(content.path, name)), planned.size);
}

/**
 * Deletes a file that belongs to nothing, unless it is not any more as it was planned.
 * @throws LarderError LDR_READ_ONLY
 */
export function removeLoose(path: string, planned: PlannedFile): Outcome {
  if (!isAsPlanned(looseFile(path), planned)) return { skipped: "it was written since" };
  return removeFiles([path], planned.size);
}

/**
 * Removes folders that have nothing in them, and their parents.
 * @param roots the folders that stay, and above which nothing is looked at
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
    return false; // It has something in it, or is gone with its parent.
  }
}

function isAsPlanned(state: FileState | undefined, planned: PlannedFile): boolean {
  return state !== undefined && state.size === planned.size && state.mtime === planned.mtime;
}

/**
 * Files that cannot be deleted, as those that a program has open on Windows, stay, and hinder nothing else.
 * @param size of all of them, which was looked at just before
 */
function removeFiles(paths: readonly string[], size: number): Outcome {
  try {
    for (const path of paths) removeIfAny(path);
    return { freed: size };
  } catch (error) {
    if (hasCode(error, "LDR_READ_ONLY")) throw error;
    return { skipped: messageOf(error) };
  }
}
