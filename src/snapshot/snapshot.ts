import { basename, dirname, join, sep } from "node:path";
import { compareText } from "../base/compare_text.ts";
import { readFolder, statIfAny } from "../base/files/files.ts";
import { type Reference, repositoryName } from "../oci/reference.ts";
import { matchingPin, type PinPattern, readPinPatterns } from "../store/entries/pin_file.ts";
import { type Layout, PIN_FILE } from "../store/layout.ts";
import { readAppEntries } from "./app_entries.ts";
import type { ContentIndex } from "./contents.ts";
import type { UnsizedEntry } from "./entry.ts";
import { readSubtree, type StrayFiles } from "./entry_folders.ts";
import { allocatedFor, allocatedOf, type FileStat, statFile } from "./file_state.ts";
import { type Reading, startReading } from "./reading.ts";
import { readRecordEntries } from "./record_entries.ts";
import { RepositoryReader } from "./repository_reader.ts";
import { type CacheSnapshot, ENTRY_TYPES, isFromRegistry, type SnapshotEntry } from "./types.ts";

export interface SnapshotOptions {
  /** Called now and then with the number of entries that were read. */
  readonly progressed?: ((entries: number) => void) | undefined;
  /**
   * Reads this repository instead of all apps and images, which is enough to find an entry and what it needs. Counts and
   * sums, and unreferenced content, are then those of what was read.
   */
  readonly repository?: Reference | undefined;
}

/**
 * Reads the whole cache once: entries and what they need, content, downloads and stray files. Changes nothing.
 *
 * Takes no lock: files that another process deletes meanwhile are skipped. A collector therefore takes a second
 * snapshot under the exclusive lock before it deletes anything.
 *
 * Files and folders that cannot be read are listed, and everything else is read all the same.
 */
export async function takeSnapshot(
  layout: Layout,
  now: number,
  options: SnapshotOptions = {},
): Promise<CacheSnapshot> {
  const reading = startReading(layout, now);
  const entries = options.repository
    ? await readRepository(reading, options.repository)
    : await readAll(reading, options.progressed);
  return summarize(reading, entries, readPartials(layout, reading.strays));
}

async function readAll(
  reading: Reading,
  progressed: SnapshotOptions["progressed"],
): Promise<UnsizedEntry[]> {
  reading.contents.readBlobs(reading.layout, reading.strays);
  const apps = await readAppEntries(reading, progressed);
  const others = readRecordEntries(reading, (count) => progressed?.(apps.length + count));
  return [...apps, ...others];
}

async function readRepository(reading: Reading, reference: Reference): Promise<UnsizedEntry[]> {
  const { layout, contents, strays } = reading;
  contents.findBlobsIn(layout);
  const path = layout.repositoryFolder(reference);
  const folder = readSubtree(dirname(path), basename(path), strays);
  const entries = await new RepositoryReader(reading, folder, repositoryName(reference)).entries();
  return [...entries, ...readRecordEntries(reading)];
}

/** Counts references and sums sizes up. */
function summarize(
  { layout, now, contents, strays }: Reading,
  unsized: readonly UnsizedEntry[],
  partials: readonly FileStat[],
): CacheSnapshot {
  const referenceCounts = countReferences(unsized, contents.list.length);
  const pins = readPinPatterns(layout.pins);
  const root = statIfAny(layout.root);
  const folderAllocated = root ? allocatedOf(root) : 0;
  const entries = unsized.map((entry) =>
    withSizes(entry, pins.patterns, contents, referenceCounts, folderAllocated)
  );
  entries.sort(byTypeAndName);
  const { folderCount, unreadable: { list: unreadable }, ...files } = strays;
  const otherFolders = folderCount - entries.filter(hasOwnFolder).length;
  return {
    layout,
    takenAt: now,
    entries,
    contents: contents.list,
    referenceCounts,
    archivesOf: contents.archivesOf(),
    contentIndex: contents,
    partials,
    ...files,
    unreadable,
    hasUnknownReferences: unreadable.some(({ path }) => mayHideReferences(layout, path)) ||
      entries.some(({ isFromNewerVersion }) => isFromNewerVersion),
    pins,
    size: total(entries, "ownSize") + total(contents.list, "size") + total(partials, "size") +
      total(strays.rubbish, "size"),
    allocated: total(entries, "ownAllocated") + contents.allocated + total(partials, "allocated") +
      total(strays.rubbish, "allocated") + otherFolders * folderAllocated,
    folderAllocated,
  };
}

/** True if what cannot be read may name content: it is of an entry or archive, and more than the pin of an entry. */
function mayHideReferences(layout: Layout, path: string): boolean {
  const { manifests, packages, builds, oldBuilds, compiled, archives } = layout;
  return basename(path) !== PIN_FILE &&
    [manifests, packages, builds, oldBuilds, compiled, archives].some((tree) =>
      path === tree || path.startsWith(tree + sep)
    );
}

function readPartials(layout: Layout, { foreign, unreadable }: StrayFiles): FileStat[] {
  const partials: FileStat[] = [];
  const children = unreadable.attempt(layout.partials, () => readFolder(layout.partials), []);
  for (const { name, isFile } of children) {
    const file = statFile(join(layout.partials, name));
    if (file) (isFile && layout.isPartialName(name) ? partials : foreign).push(file);
  }
  return partials;
}

function countReferences(entries: readonly UnsizedEntry[], length: number): Uint32Array {
  const referenceCounts = new Uint32Array(length);
  for (const { references } of entries) {
    for (const id of references) referenceCounts[id]!++;
  }
  return referenceCounts;
}

function withSizes(
  entry: UnsizedEntry,
  patterns: readonly PinPattern[],
  contents: ContentIndex,
  referenceCounts: Uint32Array,
  folderAllocated: number,
): SnapshotEntry {
  let size = entry.ownSize;
  let unique = entry.ownSize;
  for (const id of entry.references) {
    const bytes = contents.list[id]!.size;
    size += bytes;
    if (referenceCounts[id] === 1) unique += bytes;
  }
  const pin = entry.pin ?? matchingPin(patterns, entry.name);
  return { ...entry, pin, size, unique, ownAllocated: ownAllocated(entry, folderAllocated) };
}

/** Estimates the bytes that an entry's own files and folder take on the disk: each of these files is below a block. */
function ownAllocated(entry: UnsizedEntry, folderAllocated: number): number {
  const { ownFiles, ownSize } = entry;
  const files = allocatedFor(ownSize) + Math.max(0, ownFiles.length - 1) * allocatedFor(1);
  return files + (hasOwnFolder(entry) ? folderAllocated : 0);
}

/** False for an entry by digest, whose folder is that of its manifest. */
function hasOwnFolder({ type, name }: UnsizedEntry): boolean {
  return !isFromRegistry(type) || !name.includes("@");
}

function byTypeAndName(a: SnapshotEntry, b: SnapshotEntry): number {
  return ENTRY_TYPES.indexOf(a.type) - ENTRY_TYPES.indexOf(b.type) ||
    compareText(a.name, b.name);
}

function total<K extends string>(list: readonly Readonly<Record<K, number>>[], key: K): number {
  return list.reduce((sum, each) => sum + each[key], 0);
}
