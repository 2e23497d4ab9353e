import type { Content } from "../../../src/snapshot/file_state.ts";
import type { ContentIndex } from "../../../src/snapshot/contents.ts";
import type { Facts } from "../../../src/gc/reference_counts.ts";
import { NOTHING_IN_USE } from "../../../src/gc/in_use.ts";
import type { CacheSnapshot, EntryType, SnapshotEntry } from "../../../src/snapshot/types.ts";
import { Layout } from "../../../src/store/layout.ts";
import type { Pin } from "../../../src/store/entries/pins.ts";
import { blob } from "./artifacts.ts";
import type { Digest } from "../../../src/oci/digest.ts";
import { DAY, HOUR } from "./cache_folder.ts";

export const NOW = Date.UTC(2026, 0, 31, 12);

/** An entry of a cache that is only thought of. */
export interface FakeEntry {
  /** `ghcr.io/acme/app:v1`; what is before the last colon is its group. */
  readonly name: string;
  readonly type?: EntryType;
  /** Milliseconds since its last use; a month if left out. */
  readonly used?: number;
  /** The content that it reaches, by name. */
  readonly needs?: readonly string[];
  /** Bytes of its own files; none if left out. */
  readonly own?: number;
  readonly pin?: Pin;
  readonly problem?: string;
}

/** Content by name: bytes, and milliseconds since it was written (a year if left out). */
export type FakeContents = Readonly<Record<string, number | readonly [size: number, age: number]>>;

/** A survey of a cache that is on no disk. */
export function fakeSnapshot(fakes: readonly FakeEntry[], sizes: FakeContents = {}): CacheSnapshot {
  const names = Object.keys(sizes);
  const contents = names.map((name) => fakeContent(name, sizes[name]!));
  const referenceCounts = new Uint32Array(contents.length);
  for (const { needs = [] } of fakes) {
    for (const name of needs) referenceCounts[placeOf(names, name)]!++;
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
    contentIndex: undefined as unknown as ContentIndex,
    partials: [],
    rubbish: [],
    foreign: [],
    emptyFolders: [],
    size,
  };
}

/** Facts of a cache that nobody uses, with the grace age of an hour. */
export function fakeFacts(changes: Partial<Facts> = {}): Facts {
  const ages = { entry: HOUR, content: HOUR, orphan: HOUR, partial: 7 * DAY };
  return { now: NOW, ages, inUse: NOTHING_IN_USE, ...changes };
}

function fakeContent(name: string, sizeAndAge: FakeContents[string]): Content {
  const [size, age] = typeof sizeAndAge === "number" ? [sizeAndAge, 365 * DAY] : sizeAndAge;
  const digest = blob(name).descriptor.digest as Digest;
  const state = { size, mtime: NOW - age };
  const path = `/cache/registry/data/${digest}`;
  return { tree: "data", digest, path, size, state: () => state, stat: () => state };
}

function fakeEntry(
  { name, type = "app", used = 30 * DAY, needs = [], own = 0, pin, problem }: FakeEntry,
  names: readonly string[],
  contents: readonly Content[],
  referenceCounts: Uint32Array,
): SnapshotEntry {
  const references = needs.map((each) => placeOf(names, each)).sort((a, b) => a - b);
  const sum = (places: readonly number[]) =>
    places.reduce((total, place) => total + contents[place]!.size, own);
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
    ownFiles: ["record.json"],
    ownSize: own,
    references,
    size: sum(references),
    unique: sum(references.filter((place) => referenceCounts[place] === 1)),
  };
}

function placeOf(names: readonly string[], name: string): number {
  const place = names.indexOf(name);
  if (place < 0) throw new Error(`there is no content "${name}"`);
  return place;
}
