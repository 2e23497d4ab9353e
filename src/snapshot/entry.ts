import { type EntryRecord, parseEntryRecord } from "../store/entries/app_record.ts";
import { type Pin, readPin } from "../store/entries/pins.ts";
import { isNewerFormat } from "../store/json.ts";
import { PIN_FILE, RECORD_FILE } from "../store/layout.ts";
import { type Folder, readEntryFile, readTimes } from "./entry_folders.ts";
import type { SnapshotEntry } from "./types.ts";

/** An entry before content is known to be shared or not. Its pin is its own: patterns are not applied yet. */
export type UnsizedEntry = Omit<SnapshotEntry, "size" | "unique" | "ownAllocated">;

/** The {@link SnapshotEntry.problem} of an entry that {@link SnapshotEntry.isFromNewerVersion}. */
export const NEWER_VERSION = "a newer larder wrote its record";

const decoder = new TextDecoder();

/** Returns the total size of some of a folder's files. */
export function sizeOf(folder: Folder, names: Iterable<string>): number {
  let size = 0;
  for (const name of names) size += readTimes(folder, name)?.size ?? 0;
  return size;
}

/** Reads the `pin.json` of a folder; undefined if there is none. */
export function readOwnPin(folder: Folder): Pin | undefined {
  return folder.files.has(PIN_FILE) ? readPin(folder.path) : undefined;
}

/** Returns a time of the file system, but `now` if it is unknown or in the future. */
export function clampToNow(time: number | undefined, now: number): number {
  return time === undefined || Number.isNaN(time) ? now : Math.min(time, now);
}

/** Returns ids in ascending order, each once. */
export function sortedUnique(ids: readonly number[]): number[] {
  const sorted = ids.toSorted((a, b) => a - b);
  return sorted.filter((id, i) => id !== sorted[i - 1]);
}

/** Reads a folder's record; it is undefined if it is missing, damaged or from a newer version. */
export function readRecord(
  folder: Folder,
): { record?: EntryRecord | undefined; isFromNewerVersion: boolean } {
  const bytes = readEntryFile(folder, RECORD_FILE);
  const text = bytes && decoder.decode(bytes);
  const record = text === undefined ? undefined : parseEntryRecord(text);
  return { record, isFromNewerVersion: text !== undefined && !record && isNewerFormat(text) };
}
