import type { Disk } from "../../../base/disk.ts";
import type { DraftPlan } from "../../../gc/plan.ts";
import {
  type CacheSnapshot,
  ENTRY_TYPES,
  type EntryType,
  type SnapshotEntry,
} from "../../../snapshot/types.ts";
import { spaceOf } from "../../query/items.ts";

/** What things of one kind take, in bytes. */
export interface Amount {
  readonly count: number;
  /** Each file once. */
  readonly size: number;
  /** What a collection under the current policy would free of it. */
  readonly reclaimable: number;
}

/** What the entries of a type take. */
export interface TypeUsage extends Amount {
  readonly type: EntryType;
  /** Of {@link Amount.size}, what more than one entry needs. */
  readonly shared: number;
}

/** Where the space of a cache has gone, in bytes. */
export interface Usage {
  /** Every type, whether there is anything of it or not. */
  readonly types: readonly TypeUsage[];
  /** Manifests and blobs that no entry needs. */
  readonly unneeded: Amount;
  /** Downloads that are under way or were broken off. */
  readonly partials: Amount;
  /** What larder wrote and nobody needs. */
  readonly rubbish: Amount;
  /** What is none of larder's: in no sum, and never touched. */
  readonly foreign: Pick<Amount, "count" | "size">;
  /** Of all of larder's, each file once: less than the types together where these share. */
  readonly total: Pick<Amount, "size" | "reclaimable">;
  /** Null where the system does not tell. */
  readonly disk: Disk | null;
}

/** Reckons up a cache. @param plan what a collection under the current policy would remove */
export function usageOf(snapshot: CacheSnapshot, plan: DraftPlan, disk: Disk | undefined): Usage {
  const freed = (type: EntryType) =>
    total(plan.remove.entries.filter((entry) => entry.type === type), "bytes");
  const partials = amountOf(snapshot.partials, plan.remove.partials);
  const rubbish = amountOf(snapshot.rubbish, plan.remove.rubbish);
  const unneeded = snapshot.contents.filter((_, place) => snapshot.referenceCounts[place] === 0);
  return {
    types: ENTRY_TYPES.map((type) => {
      const entries = snapshot.entries.filter((entry) => entry.type === type);
      return {
        type,
        count: entries.length,
        size: spaceOf(snapshot, entries),
        shared: sharedBy(snapshot, entries),
        reclaimable: freed(type),
      };
    }),
    unneeded: {
      count: unneeded.length,
      size: total(unneeded, "size"),
      reclaimable: plan.bytes - total(plan.remove.entries, "bytes") - partials.reclaimable -
        rubbish.reclaimable,
    },
    partials,
    rubbish,
    foreign: { count: snapshot.foreign.length, size: total(snapshot.foreign, "size") },
    total: { size: snapshot.size, reclaimable: plan.bytes },
    disk: disk ?? null,
  };
}

/** Bytes of what these entries need and more than one of all entries does. */
function sharedBy(
  { contents, referenceCounts }: CacheSnapshot,
  entries: readonly SnapshotEntry[],
): number {
  const places = new Set(entries.flatMap(({ references }) => references));
  return [...places].reduce(
    (sum, place) => sum + (referenceCounts[place]! > 1 ? contents[place]!.size : 0),
    0,
  );
}

interface Sized {
  readonly size: number;
}

function amountOf(files: readonly Sized[], removed: readonly Sized[]): Amount {
  return { count: files.length, size: total(files, "size"), reclaimable: total(removed, "size") };
}

function total<K extends string>(list: readonly Readonly<Record<K, number>>[], key: K): number {
  return list.reduce((sum, each) => sum + each[key], 0);
}
