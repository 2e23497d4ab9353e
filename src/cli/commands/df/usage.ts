import type { Disk } from "../../../base/disk.ts";
import type { Plan } from "../../../gc/plan.ts";
import {
  ENTRY_TYPES,
  type EntryType,
  type Survey,
  type SurveyEntry,
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
export function usageOf(survey: Survey, plan: Plan, disk: Disk | undefined): Usage {
  const freed = (type: EntryType) =>
    total(plan.remove.entries.filter((entry) => entry.type === type), "bytes");
  const partials = amountOf(survey.partials, plan.remove.partials);
  const rubbish = amountOf(survey.rubbish, plan.remove.rubbish);
  const unneeded = survey.contents.filter((_, place) => survey.holders[place] === 0);
  return {
    types: ENTRY_TYPES.map((type) => {
      const entries = survey.entries.filter((entry) => entry.type === type);
      return {
        type,
        count: entries.length,
        size: spaceOf(survey, entries),
        shared: sharedBy(survey, entries),
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
    foreign: { count: survey.foreign.length, size: total(survey.foreign, "size") },
    total: { size: survey.size, reclaimable: plan.bytes },
    disk: disk ?? null,
  };
}

/** Bytes of what these entries need and more than one of all entries does. */
function sharedBy({ contents, holders }: Survey, entries: readonly SurveyEntry[]): number {
  const places = new Set(entries.flatMap(({ reaches }) => reaches));
  return [...places].reduce(
    (sum, place) => sum + (holders[place]! > 1 ? contents[place]!.size : 0),
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
