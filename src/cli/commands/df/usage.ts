import type { Disk } from "../../../base/files/disk.ts";
import type { DraftPlan } from "../../../gc/plan.ts";
import {
  type CacheSnapshot,
  ENTRY_TYPES,
  type EntryType,
  isInNoRegistry,
  type SnapshotEntry,
} from "../../../snapshot/types.ts";
import { isIndexName } from "../../../store/entry_names.ts";
import { spaceOf } from "../../query/items.ts";

/** The disk usage of one kind of thing. */
export interface Amount {
  readonly count: number;
  /** Bytes, each file counted once. */
  readonly size: number;
  /** Bytes of it that gc would free under the current policy. */
  readonly reclaimable: number;
}

/** The disk usage of the entries of a type. */
export interface TypeUsage extends Amount {
  readonly type: EntryType;
  /** Bytes of {@link Amount.size} that more than one entry needs. */
  readonly shared: number;
}

/** The disk usage of a cache. */
export interface Usage {
  /** One element per type, also for types without entries. */
  readonly types: readonly TypeUsage[];
  /** The part of the type `package` that is indexes of repositories, which are no packages to a user. */
  readonly indexes: TypeUsage;
  /** The part of the entries that was pushed to `larder serve`: no registry has it. */
  readonly pushed: Pick<Amount, "count" | "size">;
  /** Unreferenced manifests and blobs. */
  readonly unneeded: Amount;
  /** Downloads in progress or interrupted. */
  readonly partials: Amount;
  /** Leftover temporary files of larder. */
  readonly rubbish: Amount;
  /** Files that larder did not write: in no sum, and never deleted. */
  readonly foreign: Pick<Amount, "count" | "size">;
  /** All of larder's files, each counted once; less than the sum of the types if these share content. */
  readonly total: Pick<Amount, "size" | "reclaimable"> & {
    /** Bytes that these and their folders take on the disk, in whole blocks. */
    readonly allocated: number;
  };
  /** Null if the system does not report it. */
  readonly disk: Disk | null;
}

/** Sums up a cache. @param plan what gc would remove under the current policy */
export function usageOf(snapshot: CacheSnapshot, plan: DraftPlan, disk: Disk | undefined): Usage {
  const partials = amountOf(snapshot.partials, plan.remove.partials);
  const rubbish = amountOf(snapshot.rubbish, plan.remove.rubbish);
  const pushed = snapshot.entries.filter(isInNoRegistry);
  const unneeded = snapshot.contents.filter((_, index) => snapshot.referenceCounts[index] === 0);
  return {
    types: ENTRY_TYPES.map((type) => entriesUsage(snapshot, plan, type)),
    indexes: entriesUsage(snapshot, plan, "package", isIndexName),
    pushed: { count: pushed.length, size: spaceOf(snapshot, pushed) },
    unneeded: {
      count: unneeded.length,
      size: total(unneeded, "size"),
      reclaimable: plan.bytes - total(plan.remove.entries, "bytes") - partials.reclaimable -
        rubbish.reclaimable,
    },
    partials,
    rubbish,
    foreign: { count: snapshot.foreign.length, size: total(snapshot.foreign, "size") },
    total: { size: snapshot.size, allocated: snapshot.allocated, reclaimable: plan.bytes },
    disk: disk ?? null,
  };
}

/** Sums up the entries of a type, or those with such names. */
function entriesUsage(
  snapshot: CacheSnapshot,
  plan: DraftPlan,
  type: EntryType,
  isMeant: (name: string) => boolean = () => true,
): TypeUsage {
  const isOne = (entry: { type: EntryType; name: string }) =>
    entry.type === type && isMeant(entry.name);
  const entries = snapshot.entries.filter(isOne);
  return {
    type,
    count: entries.length,
    size: spaceOf(snapshot, entries),
    shared: sharedBy(snapshot, entries),
    reclaimable: total(plan.remove.entries.filter(isOne), "bytes"),
  };
}

/** Returns the bytes that these entries need and that more than one entry of the cache needs. */
function sharedBy(
  { contents, referenceCounts }: CacheSnapshot,
  entries: readonly SnapshotEntry[],
): number {
  const indices = new Set(entries.flatMap(({ references }) => references));
  return [...indices].reduce(
    (sum, index) => sum + (referenceCounts[index]! > 1 ? contents[index]!.size : 0),
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
