import type { Disk } from "../base/disk.ts";
import { planGc } from "./collector.ts";
import type { Plan } from "./plan.ts";
import { freeGoal, type GcPolicy, hasLimits, limitsOf } from "./policy.ts";
import { lastOfGroups } from "./protect.ts";
import { Use } from "./state.ts";
import type { EntryType, Survey, SurveyEntry } from "./survey_types.ts";

/** When a rule would take an entry, if nobody uses it until then. */
export type Prospect =
  /** @property at milliseconds since the epoch */
  | { readonly rule: "unused"; readonly at: number }
  /** @property bytes that may still come into the cache */
  | { readonly rule: "min-free"; readonly bytes: number }
  /**
   * @property bytes that may still come into the cache
   * @property scope the type that the limit is for, and of which they are; left out for all of the cache
   */
  | { readonly rule: "max-size"; readonly bytes: number; readonly scope?: EntryType }
  /** @property entries that may still come, of the scope if there is one */
  | { readonly rule: "max-count"; readonly entries: number; readonly scope?: EntryType };

/** What becomes of an entry under a policy. */
export interface Fate {
  /** What a collector would do with it now. */
  readonly action: "remove" | "keep";
  readonly rule: string;
  readonly why: string;
  /** Whether there is any limit. */
  readonly isLimited: boolean;
  /** What would take it later; nothing of what is pinned. */
  readonly prospects: readonly Prospect[];
}

/** What becomes of the entries of a cache under a policy, and when. */
export class Fates {
  readonly #survey: Survey;
  readonly #policy: GcPolicy;
  readonly #disk: Disk | undefined;
  readonly #plan: Plan;
  #order: Plan | undefined;
  #last: ReadonlyMap<SurveyEntry, string> | undefined;

  /** @throws LarderError LDR_DISK*, LDR_BUSY */
  constructor(survey: Survey, policy: GcPolicy, disk: Disk | undefined) {
    this.#survey = survey;
    this.#policy = policy;
    this.#disk = disk;
    this.#plan = planGc(survey, policy, disk);
  }

  of(entry: SurveyEntry): Fate {
    const isLimited = hasLimits(this.#policy);
    const removal = this.#plan.remove.entries.find((each) => isOf(each, entry));
    if (removal) {
      const { rule, why } = removal;
      return { action: "remove", rule, why, isLimited, prospects: [] };
    }
    const keeping = this.#plan.keep.find((each) => isOf(each, entry));
    const { rule, why } = keeping ?? { rule: "within limits", why: "" };
    const prospects = entry.pin ? [] : this.#prospectsOf(entry);
    return { action: "keep", rule, why, isLimited, prospects };
  }

  #prospectsOf(entry: SurveyEntry): Prospect[] {
    this.#last ??= lastOfGroups(this.#survey, this.#policy);
    if (this.#last.has(entry)) return [];
    const { unused } = limitsOf(this.#policy, entry.type);
    const byTime: Prospect[] = unused === undefined
      ? []
      : [{ rule: "unused", at: entry.lastUsed + unused }];
    return [...byTime, ...this.#byRoom(entry), ...this.#byRoomOfType(entry)];
  }

  #byRoom(entry: SurveyEntry): Prospect[] {
    const { maxSize, maxCount } = this.#policy;
    const goal = freeGoal(this.#policy, this.#disk);
    if (maxSize === undefined && maxCount === undefined && goal === undefined) return [];
    const earlier = this.#before(entry);
    if (!earlier) return [];
    const prospects: Prospect[] = [];
    const room = (rule: "max-size" | "min-free", bytes: number) =>
      prospects.push({ rule, bytes: Math.max(0, bytes) });
    if (maxSize !== undefined) room("max-size", maxSize - this.#survey.size + earlier.bytes);
    if (goal !== undefined) room("min-free", this.#disk!.free + earlier.bytes - goal);
    if (maxCount !== undefined) {
      const left = this.#survey.entries.length - earlier.entries.length;
      prospects.push({ rule: "max-count", entries: Math.max(0, maxCount - left) });
    }
    return prospects;
  }

  #byRoomOfType(entry: SurveyEntry): Prospect[] {
    const { type } = entry;
    const { maxSize, maxCount } = limitsOf(this.#policy, type);
    if (maxSize === undefined && maxCount === undefined) return [];
    const earlier = this.#before(entry);
    if (!earlier) return [];
    const gone = new Set(
      earlier.entries.filter((each) => each.type === type).map(({ name }) => name),
    );
    const left = this.#survey.entries.filter((each) => each.type === type && !gone.has(each.name));
    const prospects: Prospect[] = [];
    if (maxSize !== undefined) {
      const bytes = Math.max(0, maxSize - new Use(this.#survey, left).size);
      prospects.push({ rule: "max-size", bytes, scope: type });
    }
    if (maxCount !== undefined) {
      const entries = Math.max(0, maxCount - left.length);
      prospects.push({ rule: "max-count", entries, scope: type });
    }
    return prospects;
  }

  /** What goes before an entry does, what nobody needs included; undefined where it would stay in any case. */
  #before(entry: SurveyEntry): Earlier | undefined {
    // Where nothing may stay, everything goes in the order in which it would.
    this.#order ??= planGc(this.#survey, keepingNothing(this.#policy), undefined);
    const { remove, bytes } = this.#order;
    const index = remove.entries.findIndex((each) => isOf(each, entry));
    if (index < 0) return undefined;
    const from = remove.entries.slice(index).reduce((sum, each) => sum + each.bytes, 0);
    return { entries: remove.entries.slice(0, index), bytes: bytes - from };
  }
}

/** What goes before something else, and what that frees. */
interface Earlier {
  readonly entries: Plan["remove"]["entries"];
  readonly bytes: number;
}

/** A policy under which all goes but what this one keeps among the last of its group. */
function keepingNothing({ keepLast, types = {} }: GcPolicy): GcPolicy {
  const kept = Object.entries(types).map(([type, { keepLast }]) => [type, { keepLast }]);
  return { maxSize: 0, keepLast, types: Object.fromEntries(kept) };
}

function isOf(planned: { type: string; name: string }, { type, name }: SurveyEntry): boolean {
  return planned.type === type && planned.name === name;
}
