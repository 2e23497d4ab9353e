import { PIN_FILE } from "../store/layout.ts";
import { type Pin, readPin } from "../store/entries/pins.ts";
import { type Folder, readTimes } from "./entry_folders.ts";
import type { SnapshotEntry } from "./types.ts";

/** An entry before anybody has looked at what others need of the same; its pin is its own. */
export type UnsizedEntry = Omit<SnapshotEntry, "size" | "unique">;

/** What is wrong with an entry of which {@link SnapshotEntry.isFromNewerVersion} holds. */
export const NEWER_VERSION = "a later larder wrote its record";

/** Bytes of files of a folder. */
export function sizeOf(folder: Folder, names: Iterable<string>): number {
  let size = 0;
  for (const name of names) size += readTimes(folder, name)?.size ?? 0;
  return size;
}

/** The pin that lies in a folder. */
export function readOwnPin(folder: Folder): Pin | undefined {
  return folder.files.has(PIN_FILE) ? readPin(folder.path) : undefined;
}

/** Times of a file system can lie in the future, or be none; an entry's never do. */
export function clampToNow(time: number | undefined, now: number): number {
  return time === undefined || Number.isNaN(time) ? now : Math.min(time, now);
}

/** Places as an entry has them: each once. */
export function sortedUnique(places: readonly number[]): number[] {
  const sorted = places.toSorted((a, b) => a - b);
  return sorted.filter((place, i) => place !== sorted[i - 1]);
}
