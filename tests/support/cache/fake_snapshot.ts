import type { Unreferenced } from "../../../src/gc/plan.ts";
import { NOTHING_IN_USE } from "../../../src/gc/in_use.ts";
import type { Facts } from "../../../src/gc/reference_counts.ts";
import type { Digest } from "../../../src/oci/digest.ts";
import type { ContentIndex } from "../../../src/snapshot/contents.ts";
import type { Content } from "../../../src/snapshot/file_state.ts";
import type { CacheSnapshot, EntryType, SnapshotEntry } from "../../../src/snapshot/types.ts";
import type { Pin } from "../../../src/store/entries/pin_file.ts";
import { Layout } from "../../../src/store/layout.ts";
import { blob } from "./artifacts.ts";
import { DAY, HOUR } from "./test_cache.ts";

export const NOW = Date.UTC(2026, 0, 31, 12);

/** An entry of a snapshot that is made in memory. */
export interface FakeEntry {
  /** `ghcr.io/acme/app:v1`, or `local/app:v1` if it was pushed; the part before the last colon is its group. */
  readonly name: string;
  readonly type?: EntryType;
  /** Milliseconds since its last use; 30 days by default. */
  readonly used?: number;
  /** Names of the content that it needs. */
  readonly needs?: readonly string[];
  /** Bytes of its own files; 0 by default. */
  readonly own?: number;
  readonly pin?: Pin;
  readonly problem?: string;
}

/** Content by name: bytes, and milliseconds since it was written (a year by default). */
export type FakeContents = Readonly<Record<string, number | readonly [size: number, age: number]>>;

/** Makes a snapshot without a cache on disk: each file takes as much space as it has bytes. */
export function fakeSnapshot(fakes: readonly FakeEntry[], sizes: FakeContents = {}): CacheSnapshot {
  const names = Object.keys(sizes);
  const contents = names.map((name) => fakeContent(name, sizes[name]!));
  const referenceCounts = new Uint32Array(contents.length);
  for (const { needs = [] } of fakes) {
    for (const name of needs) referenceCounts[idOf(names, name)]!++;
  }
  const entries = fakes.map((fake) => fakeEntry(fake, names, contents, referenceCounts));
  const size = entries.reduce((sum, entry) => sum + entry.ownSize, 0) +
    contents.reduce((sum, content) => sum + content.size, 0);
  return {
    layout: new Layout("/cache/registry"),
    takenAt: NOW,
    entries,
    contents,
    referenceCounts,
    archivesOf: new Map(),
    contentIndex: undefined as unknown as ContentIndex,
    partials: [],
    rubbish: [],
    foreign: [],
    emptyFolders: [],
    unreadable: [],
    hasUnknownReferences: false,
    pins: { patterns: [], faults: [], isComplete: true },
    size,
    allocated: size,
    folderAllocated: 0,
  };
}

/** Facts without leases, with a grace age of an hour. */
export function fakeFacts(changes: Partial<Facts> = {}): Facts {
  const ages = { entry: HOUR, content: HOUR, orphan: HOUR, partial: 7 * DAY };
  return { now: NOW, ages, inUse: NOTHING_IN_USE, ...changes };
}

function fakeContent(name: string, sizeAndAge: FakeContents[string]): Content {
  const [size, age] = typeof sizeAndAge === "number" ? [sizeAndAge, 365 * DAY] : sizeAndAge;
  const digest = blob(name).descriptor.digest as Digest;
  const state = { size, allocated: size, mtime: NOW - age };
  const path = `/cache/registry/data/${digest}`;
  const both = { state: () => state, stat: () => state };
  return { tree: "data", digest, path, size, allocated: size, ...both };
}

function fakeEntry(
  { name, type = "app", used = 30 * DAY, needs = [], own = 0, pin, problem }: FakeEntry,
  names: readonly string[],
  contents: readonly Content[],
  referenceCounts: Uint32Array,
): SnapshotEntry {
  const references = needs.map((each) => idOf(names, each)).sort((a, b) => a - b);
  const sum = (ids: readonly number[]) =>
    ids.reduce((total, id) => total + contents[id]!.size, own);
  return {
    type,
    name,
    group: name.slice(0, name.lastIndexOf(":")),
    digest: blob(name).descriptor.digest as Digest,
    folder: `/cache/registry/manifests/${name.replace(/:(?=[^:]*$)/, "/")}`,
    createdAt: NOW - used,
    lastUsed: NOW - used,
    stamp: NOW - used,
    stampFile: "record.json",
    pin,
    writtenBy: "larder",
    record: undefined,
    problem,
    isFromNewerVersion: false,
    isUnlisted: false,
    ownFiles: ["record.json"],
    ownSize: own,
    ownAllocated: own,
    references,
    size: sum(references),
    unique: sum(references.filter((id) => referenceCounts[id] === 1)),
  };
}

function idOf(names: readonly string[], name: string): number {
  const id = names.indexOf(name);
  if (id < 0) throw new Error(`there is no content "${name}"`);
  return id;
}

/** For plans of caches in which entries need all content. */
export const NONE_UNREFERENCED: Unreferenced = { partials: [], rubbish: [], bytes: 0 };
