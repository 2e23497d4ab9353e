import type { Disk } from "../base/disk.ts";
import { planGc } from "./collector.ts";
import type { Plan } from "./plan.ts";
import { freeGoal, type GcPolicy, hasLimits, limitsOf } from "./policy.ts";
import type { Survey, SurveyEntry } from "./survey_types.ts";

/** When a rule would take an entry, if nobody uses it until then. */
export type Prospect =
  /** @property at milliseconds since the epoch */
  | { readonly rule: "unused"; readonly at: number }
  /** @property bytes that may still come into the cache */
  | { readonly rule: "max-size" | "min-free"; readonly bytes: number }
  /** @property entries that may still come */
  | { readonly rule: "max-count"; readonly entries: number };

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

/**
 * What becomes of the entries of a cache under a policy, and when. Limits for single types are told of only where they
 * take something now.
 */
export class Fates {
  readonly #survey: Survey;
  readonly #policy: GcPolicy;
  readonly #disk: Disk | undefined;
  readonly #plan: Plan;
  #order: Plan | undefined;

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
    const { unused } = limitsOf(this.#policy, entry.type);
    const byTime: Prospect[] = unused === undefined
      ? []
      : [{ rule: "unused", at: entry.lastUsed + unused }];
    return [...byTime, ...this.#byRoom(entry)];
  }

  #byRoom(entry: SurveyEntry): Prospect[] {
    const { maxSize, maxCount } = this.#policy;
    const goal = freeGoal(this.#policy, this.#disk);
    if (maxSize === undefined && maxCount === undefined && goal === undefined) return [];
    const before = this.#before(entry);
    if (!before) return [];
    const prospects: Prospect[] = [];
    const room = (rule: "max-size" | "min-free", bytes: number) =>
      prospects.push({ rule, bytes: Math.max(0, bytes) });
    if (maxSize !== undefined) room("max-size", maxSize - this.#survey.size + before.bytes);
    if (goal !== undefined) room("min-free", this.#disk!.free + before.bytes - goal);
    if (maxCount !== undefined) {
      const left = this.#survey.entries.length - before.entries;
      prospects.push({ rule: "max-count", entries: Math.max(0, maxCount - left) });
    }
    return prospects;
  }

  /** What goes before an entry does, what nobody needs included; undefined where it would stay in any case. */
  #before(entry: SurveyEntry): { entries: number; bytes: number } | undefined {
    // Where nothing may stay, everything goes in the order in which it would.
    const everything = { maxSize: 0, keepLast: this.#policy.keepLast };
    this.#order ??= planGc(this.#survey, everything, undefined);
    const { remove, bytes } = this.#order;
    const index = remove.entries.findIndex((each) => isOf(each, entry));
    if (index < 0) return undefined;
    const from = remove.entries.slice(index).reduce((sum, each) => sum + each.bytes, 0);
    return { entries: index, bytes: bytes - from };
  }
}

function isOf(planned: { type: string; name: string }, { type, name }: SurveyEntry): boolean {
  return planned.type === type && planned.name === name;
}
