import { sep } from "node:path";
import { statIfAny } from "../base/files.ts";
import { PIN_FILE } from "../store/layout.ts";
import { type Pin, readPin } from "../store/pins.ts";
import type { Folder } from "./folders.ts";
import type { SurveyEntry } from "./survey_types.ts";

/** An entry before anybody has looked at what others need of the same; its pin is its own. */
export type FoundEntry = Omit<SurveyEntry, "size" | "unique">;

/** What is wrong with an entry of which {@link SurveyEntry.isLater} holds. */
export const LATER = "a later larder wrote its record";

/** The times and the size of a file; undefined if it is gone. */
export interface Stamp {
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly modified: number | undefined;
  readonly created: number | undefined;
}

/** Looks at one of a folder's files. */
export function stampOf(folder: Folder, name: string): Stamp | undefined {
  const info = folder.files.has(name) ? statIfAny(folder.path + sep + name) : undefined;
  if (!info) return undefined;
  const modified = info.mtime?.getTime();
  return { size: info.size, modified, created: info.birthtime?.getTime() ?? modified };
}

/** Bytes of files of a folder. */
export function sizeOf(folder: Folder, names: Iterable<string>): number {
  let size = 0;
  for (const name of names) size += stampOf(folder, name)?.size ?? 0;
  return size;
}

/** The pin that lies in a folder. */
export function ownPin(folder: Folder): Pin | undefined {
  return folder.files.has(PIN_FILE) ? readPin(folder.path) : undefined;
}

/** Times of a file system can lie in the future, or be none; an entry's never do. */
export function clamp(time: number | undefined, now: number): number {
  return time === undefined || Number.isNaN(time) ? now : Math.min(time, now);
}

/** A set of places as an entry has them. */
export function ascending(places: Iterable<number>): number[] {
  return [...places].sort((a, b) => a - b);
}
