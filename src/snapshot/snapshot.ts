import { type LooseFile, looseFile } from "./file_state.ts";
import { join } from "node:path";
import { readFolder } from "../base/files.ts";
import type { Layout } from "../store/layout.ts";
import { matchingPin, type PinPattern, PinStore } from "../store/entries/pins.ts";
import { Contents } from "./contents.ts";
import type { Oddments } from "./entry_folders.ts";
import type { FoundEntry } from "./entry.ts";
import { surveyApps } from "./app_entries.ts";
import { surveyRecords } from "./record_entries.ts";
import { ENTRY_TYPES, type Survey, type SurveyEntry } from "./types.ts";

/**
 * Reads the whole cache once: every entry with what it reaches, every piece of content, and what belongs to nothing.
 *
 * Nobody is kept out meanwhile: what others delete is passed over, and who means to delete looks again under the
 * store's exclusive lock.
 *
 * @throws LarderError LDR_DISK*, LDR_CONFIG (the pins are not to be read)
 */
export async function survey(layout: Layout, now: number): Promise<Survey> {
  const oddments: Oddments = { rubbish: [], foreign: [], emptyFolders: [] };
  const contents = new Contents();
  contents.readBlobs(layout, oddments);
  const found = [
    ...await surveyApps(layout, now, contents, oddments),
    ...surveyRecords(layout, now, contents, oddments),
  ];
  const partials = readPartials(layout, oddments.foreign);
  const holders = countHolders(found, contents.list.length);
  const patterns = new PinStore(layout).patterns();
  const entries = found.map((entry) => withSizes(entry, patterns, contents, holders));
  entries.sort(byTypeAndName);
  return {
    layout,
    takenAt: now,
    entries,
    contents: contents.list,
    holders,
    places: contents,
    partials,
    ...oddments,
    size: total(entries, "ownSize") + total(contents.list, "size") + total(partials, "size") +
      total(oddments.rubbish, "size"),
  };
}

function readPartials(layout: Layout, foreign: LooseFile[]): LooseFile[] {
  const partials: LooseFile[] = [];
  for (const { name, isFile } of readFolder(layout.partials)) {
    const file = looseFile(join(layout.partials, name));
    if (file) (isFile && layout.isPartialName(name) ? partials : foreign).push(file);
  }
  return partials;
}

function countHolders(entries: readonly FoundEntry[], length: number): Uint32Array {
  const holders = new Uint32Array(length);
  for (const { reaches } of entries) {
    for (const place of reaches) holders[place]!++;
  }
  return holders;
}

function withSizes(
  entry: FoundEntry,
  patterns: readonly PinPattern[],
  contents: Contents,
  holders: Uint32Array,
): SurveyEntry {
  let size = entry.ownSize;
  let unique = entry.ownSize;
  for (const place of entry.reaches) {
    const bytes = contents.list[place]!.size;
    size += bytes;
    if (holders[place] === 1) unique += bytes;
  }
  const pin = entry.pin ?? matchingPin(patterns, entry.name);
  return { ...entry, pin, size, unique };
}

function byTypeAndName(a: SurveyEntry, b: SurveyEntry): number {
  return ENTRY_TYPES.indexOf(a.type) - ENTRY_TYPES.indexOf(b.type) ||
    (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

function total<K extends string>(list: readonly Readonly<Record<K, number>>[], key: K): number {
  return list.reduce((sum, each) => sum + each[key], 0);
}
