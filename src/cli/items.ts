import {
  type Content,
  ENTRY_TYPES,
  type EntryType,
  type Survey,
  type SurveyEntry,
} from "../gc/survey_types.ts";
import type { Pin } from "../store/pins.ts";
import type { EntryRecord } from "../store/record.ts";

/** What `--type` can name: the kinds of entries, and the blobs that they are made of. */
export const ITEM_TYPES = [...ENTRY_TYPES, "blob"] as const;
export type ItemType = EntryType | "blob";

/** An entry or a blob, as listings, filters and templates see it. Sizes are bytes, times milliseconds since the epoch. */
export interface Item {
  readonly type: ItemType;
  /** Of a blob its digest. */
  readonly name: string;
  /** Of a blob its tree. */
  readonly group: string;
  readonly digest: string | undefined;
  readonly path: string;
  readonly size: number;
  /** What would be freed if this alone went. */
  readonly unique: number;
  readonly createdAt: number;
  readonly lastUsed: number;
  /** Of a blob one of the pins on what needs it. */
  readonly pin: Pin | undefined;
  readonly writtenBy: "larder" | "spin" | undefined;
  readonly record: EntryRecord | undefined;
  readonly problem: string | undefined;
  /** How many entries need a blob; 0 for an entry. */
  readonly holders: number;
  /** Bytes of an entry's own files. */
  readonly ownSize: number;
  /** What an entry needs, or where a blob stands, in the list of a survey's contents. */
  readonly reaches: readonly number[];
}

/** An entry of a survey. */
export function itemOfEntry(entry: SurveyEntry): Item {
  return { ...entry, path: entry.folder, holders: 0 };
}

/** The entries and blobs of these types, in the order of the survey; blobs by their digests. */
export function itemsOf(survey: Survey, types: ReadonlySet<ItemType>): Item[] {
  const items = survey.entries.filter(({ type }) => types.has(type)).map(itemOfEntry);
  return types.has("blob") ? [...items, ...blobsOf(survey)] : items;
}

function blobsOf({ contents, holders, entries, takenAt }: Survey): Item[] {
  const pins = new Map<number, Pin>();
  for (const { pin, reaches } of entries) {
    if (pin) { for (const place of reaches) pins.set(place, pin); }
  }
  const blobs = contents.flatMap((content, place) => {
    const more = { place, holders: holders[place]!, pin: pins.get(place), now: takenAt };
    return content.tree === "manifests" ? [] : itemOfBlob(content, more);
  });
  return blobs.sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

function itemOfBlob(
  content: Content,
  more: { place: number; holders: number; pin: Pin | undefined; now: number },
): Item {
  const { place, holders, pin, now } = more;
  const { digest, tree, size } = content;
  return {
    type: "blob",
    name: digest,
    group: tree,
    digest,
    get path() {
      return content.path;
    },
    size,
    unique: size,
    // Looked up for who asks: there may be a hundred thousand.
    get createdAt() {
      return Math.min(content.mtime, now);
    },
    get lastUsed() {
      return Math.min(content.mtime, now);
    },
    pin,
    writtenBy: undefined,
    record: undefined,
    problem: undefined,
    holders,
    ownSize: 0,
    reaches: [place],
  };
}

/** Bytes that items take together, each file once. */
export function spaceOf({ contents }: Survey, items: readonly Item[]): number {
  const places = new Set<number>();
  let size = 0;
  for (const { ownSize, reaches } of items) {
    size += ownSize;
    for (const place of reaches) places.add(place);
  }
  for (const place of places) size += contents[place]!.size;
  return size;
}
