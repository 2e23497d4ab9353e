import type { Content } from "../../snapshot/file_state.ts";
import {
  type CacheSnapshot,
  ENTRY_TYPES,
  type EntryType,
  type SnapshotEntry,
} from "../../snapshot/types.ts";
import type { Pin } from "../../store/entries/pins.ts";
import type { EntryRecord } from "../../store/entries/app_record.ts";

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
  readonly references: readonly number[];
}

/** An entry of a survey. */
export function itemOfEntry(entry: SnapshotEntry): Item {
  return { ...entry, path: entry.folder, holders: 0 };
}

/** The entries and blobs of these types, in the order of the survey; blobs by their digests. */
export function itemsOf(snapshot: CacheSnapshot, types: ReadonlySet<ItemType>): Item[] {
  const items = snapshot.entries.filter(({ type }) => types.has(type)).map(itemOfEntry);
  return types.has("blob") ? [...items, ...blobsOf(snapshot)] : items;
}

function blobsOf({ contents, referenceCounts, entries, takenAt }: CacheSnapshot): Item[] {
  const pins = new Map<number, Pin>();
  for (const { pin, references } of entries) {
    if (pin) { for (const place of references) pins.set(place, pin); }
  }
  const blobs: Item[] = [];
  for (const [place, content] of contents.entries()) {
    if (content.tree === "manifests") continue;
    blobs.push(new Blob(content, place, referenceCounts[place]!, pins.get(place), takenAt));
  }
  return blobs.sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

/** A blob as an item. There may be a hundred thousand: what few ask for is looked up for who asks. */
class Blob implements Item {
  readonly type = "blob";
  readonly writtenBy = undefined;
  readonly record = undefined;
  readonly problem = undefined;
  readonly ownSize = 0;
  readonly holders: number;
  readonly pin: Pin | undefined;
  readonly #content: Content;
  readonly #place: number;
  readonly #now: number;

  constructor(
    content: Content,
    place: number,
    holders: number,
    pin: Pin | undefined,
    now: number,
  ) {
    this.#content = content;
    this.#place = place;
    this.holders = holders;
    this.pin = pin;
    this.#now = now;
  }

  get name(): string {
    return this.#content.digest;
  }

  get group(): string {
    return this.#content.tree;
  }

  get digest(): string {
    return this.#content.digest;
  }

  get path(): string {
    return this.#content.path;
  }

  get size(): number {
    return this.#content.size;
  }

  get unique(): number {
    return this.#content.size;
  }

  get createdAt(): number {
    return Math.min(this.#content.state().mtime, this.#now);
  }

  get lastUsed(): number {
    return this.createdAt;
  }

  get references(): readonly number[] {
    return [this.#place];
  }
}

/** Bytes that items, or entries of a survey, take together, each file once. */
export function spaceOf(
  { contents }: CacheSnapshot,
  items: readonly Pick<Item, "ownSize" | "references">[],
): number {
  const places = new Set<number>();
  let size = 0;
  for (const { ownSize, references } of items) {
    size += ownSize;
    for (const place of references) places.add(place);
  }
  for (const place of places) size += contents[place]!.size;
  return size;
}
