import { sep } from "node:path";
import { CLOCK_SKEW } from "../base/limits.ts";
import { configOf, type Manifest } from "../oci/manifest.ts";
import { type EntryRecord, parseEntryRecord } from "../store/entries/app_record.ts";
import { type Pin, readPin } from "../store/entries/pin_file.ts";
import { isNewerFormat } from "../store/json.ts";
import { CONFIG_FILE, PIN_FILE, RECORD_FILE } from "../store/layout.ts";
import { type FileTimes, type Folder, readEntryFile, readTimes } from "./entry_folders.ts";
import type { SnapshotEntry } from "./types.ts";
import type { Unreadable } from "./unreadable.ts";

/** An entry before content is known to be shared or not. Its pin is its own: patterns are not applied yet. */
export type UnsizedEntry = Omit<SnapshotEntry, "size" | "unique" | "ownAllocated">;

/** The {@link SnapshotEntry.problem} of an entry that {@link SnapshotEntry.isFromNewerVersion}. */
export const NEWER_VERSION = "a newer larder wrote its record";

/** The {@link SnapshotEntry.problem} of an entry whose record this user may not read. */
export const UNREADABLE = "its record cannot be read";

const decoder = new TextDecoder();

/** Returns the total size of some of a folder's files. */
export function sizeOf(folder: Folder, names: Iterable<string>): number {
  let size = 0;
  for (const name of names) size += readTimes(folder, name)?.size ?? 0;
  return size;
}

/** Returns the size of a folder's `config.json`. @param manifest a trusted one, which saves stat'ing the file */
export function configSize(folder: Folder, manifest: Manifest | undefined): number {
  if (manifest?.kind !== "image") return readTimes(folder, CONFIG_FILE)?.size ?? 0;
  if (!folder.files.has(CONFIG_FILE)) return 0;
  return configOf(manifest).size;
}

/** Reads the `pin.json` of a folder; undefined if there is none. One that cannot be read pins the entry all the same. */
export function readOwnPin(folder: Folder, unreadable: Unreadable): Pin | undefined {
  if (!folder.files.has(PIN_FILE)) return undefined;
  return unreadable.attempt(folder.path + sep + PIN_FILE, () => readPin(folder.path), {}) ?? {};
}

/**
 * Returns the times of an entry, neither of them in the future. A file whose mtime is in the future was last used when
 * its inode last changed or when its content is known to have been fetched, whichever is later: as used now, it would
 * never grow old.
 *
 * @param file the file whose mtime is the last use
 * @param written the times at which the content was written, according to the record, most exact first
 */
export function entryTimes(
  file: FileTimes | undefined,
  written: readonly number[],
  now: number,
): Pick<SnapshotEntry, "createdAt" | "lastUsed" | "stamp"> {
  const { modified, changed, created } = file ?? {};
  const isPast = (time: number | undefined): time is number =>
    time !== undefined && time <= now + CLOCK_SKEW;
  const known = [changed, created, ...written].filter(isPast);
  const used = isPast(modified) ? modified : known.length > 0 ? Math.max(...known) : now;
  const lastUsed = Math.min(used, now);
  const firstKnown = [...written, created].find(isPast) ?? now;
  return { createdAt: Math.min(firstKnown, lastUsed), lastUsed, stamp: modified ?? 0 };
}

/** Returns ids in ascending order, each once. */
export function sortedUnique(ids: readonly number[]): number[] {
  const sorted = ids.toSorted((a, b) => a - b);
  return sorted.filter((id, i) => id !== sorted[i - 1]);
}

/** Reads a folder's record; it is undefined if it is missing, unreadable, damaged or from a newer version. */
export function readRecord(folder: Folder, unreadable: Unreadable): {
  record?: EntryRecord | undefined;
  isUnreadable: boolean;
  isFromNewerVersion: boolean;
} {
  const bytes = readEntryFile(folder, RECORD_FILE, unreadable);
  const text = bytes && decoder.decode(bytes);
  const record = text === undefined ? undefined : parseEntryRecord(text);
  return {
    record,
    isUnreadable: text === undefined && folder.files.has(RECORD_FILE),
    isFromNewerVersion: text !== undefined && !record && isNewerFormat(text),
  };
}
