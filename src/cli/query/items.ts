import { compareText } from "../../base/compare_text.ts";
import type { Content } from "../../snapshot/file_state.ts";
import {
  type CacheSnapshot,
  ENTRY_TYPES,
  type EntryType,
  type SnapshotEntry,
} from "../../snapshot/types.ts";
import type { EntryRecord } from "../../store/entries/app_record.ts";
import type { Pin } from "../../store/entries/pin_file.ts";

/** The values of `--type`: the types of entries, and the blobs that they consist of. */
export const ITEM_TYPES = [...ENTRY_TYPES, "blob"] as const;
export type ItemType = EntryType | "blob";

/** An entry or a blob, as listings, filters and templates see it. Sizes are bytes, times milliseconds since the epoch. */
export interface Item {
  readonly type: ItemType;
  /** The digest of a blob. */
  readonly name: string;
  /** The tree of a blob: `data` or `wasm`. */
  readonly group: string;
  readonly digest: string | undefined;
  readonly path: string;
  readonly size: number;
  /** Bytes that removing only this item would free. */
  readonly unique: number;
  readonly createdAt: number;
  readonly lastUsed: number;
  /** For a blob, the pin of one of the entries that need it. */
  readonly pin: Pin | undefined;
  readonly writtenBy: "larder" | "spin" | undefined;
  readonly record: EntryRecord | undefined;
  readonly problem: string | undefined;
  /** Number of entries that need a blob; 0 for an entry. */
  readonly holders: number;
  /** Bytes of an entry's own files, which no other entry shares. */
  readonly ownSize: number;
  /** Indices in `CacheSnapshot.contents`: what an entry needs, or the blob itself. */
  readonly references: readonly number[];
}

export function itemOfEntry(entry: SnapshotEntry): Item {
  return { ...entry, path: entry.folder, holders: 0 };
}

/** Returns the items of these types: entries in the order of the snapshot, then blobs by digest. */
export function itemsOf(snapshot: CacheSnapshot, types: ReadonlySet<ItemType>): Item[] {
  const items = snapshot.entries.filter(({ type }) => types.has(type)).map(itemOfEntry);
  return types.has("blob") ? [...items, ...blobsOf(snapshot)] : items;
}

function blobsOf({ contents, referenceCounts, entries, takenAt }: CacheSnapshot): Item[] {
  const pins = new Map<number, Pin>();
  for (const { pin, references } of entries) {
    if (pin) { for (const index of references) pins.set(index, pin); }
  }
  const blobs: Item[] = [];
  for (const [index, content] of contents.entries()) {
    if (content.tree === "manifests") continue;
    blobs.push(new BlobItem(content, index, referenceCounts[index]!, pins.get(index), takenAt));
  }
  return blobs.sort((a, b) => compareText(a.name, b.name));
}

/** Looks members up when they are read: there may be 100,000 blobs, and few members are read of each. */
class BlobItem implements Item {
  readonly type = "blob";
  readonly writtenBy = undefined;
  readonly record = undefined;
  readonly problem = undefined;
  readonly ownSize = 0;
  readonly holders: number;
  readonly pin: Pin | undefined;
  readonly #content: Content;
  readonly #index: number;
  readonly #now: number;

  constructor(
    content: Content,
    index: number,
    holders: number,
    pin: Pin | undefined,
    now: number,
  ) {
    this.#content = content;
    this.#index = index;
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
    return [this.#index];
  }
}

/** Returns the bytes that items or entries take together, counting each file once. */
export function spaceOf(
  { contents }: CacheSnapshot,
  items: readonly Pick<Item, "ownSize" | "references">[],
): number {
  const indices = new Set<number>();
  let size = 0;
  for (const { ownSize, references } of items) {
    size += ownSize;
    for (const index of references) indices.add(index);
  }
  for (const index of indices) size += contents[index]!.size;
  return size;
}
