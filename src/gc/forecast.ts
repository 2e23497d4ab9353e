import { type CacheSnapshot, isInNoRegistry, type SnapshotEntry } from "../snapshot/types.ts";
import { planGc, selectGc, type Surroundings } from "./planner.ts";
import {
  type GcPolicy,
  hasLimits,
  isInScope,
  LIMIT_SCOPES,
  type LimitScope,
  limitsOf,
  ownLimits,
  requiredFree,
} from "./policy.ts";
import { SharedSize } from "./reference_counts.ts";
import { lastOfGroups } from "./retention.ts";

/** When a rule will remove an entry, unless it is used before. */
export type Forecast =
  /** @property at milliseconds since the epoch */
  | { readonly rule: "unused"; readonly at: number }
  /** @property bytes that may still be added to the cache */
  | { readonly rule: "min-free"; readonly bytes: number }
  /**
   * @property bytes that may still be added to the scope
   * @property scope of the limit; left out for the whole cache
   */
  | { readonly rule: "max-size"; readonly bytes: number; readonly scope?: LimitScope }
  /**
   * @property entries that may still be added to the scope
   * @property scope of the limit; left out for the whole cache
   */
  | { readonly rule: "max-count"; readonly entries: number; readonly scope?: LimitScope };

/** What a policy means for an entry. */
export interface EntryForecast {
  /** What a collector would do now. */
  readonly action: "remove" | "keep";
  readonly rule: string;
  readonly why: string;
  /** True if the policy has any limit. */
  readonly isLimited: boolean;
  /** What will remove a kept entry later; empty for a pinned one. */
  readonly prospects: readonly Forecast[];
}

/** Forecasts the evictions of a cache under a policy. */
export class EvictionForecast {
  readonly #snapshot: CacheSnapshot;
  readonly #policy: GcPolicy;
  readonly #surroundings: Surroundings;
  readonly #removals: ReadonlyMap<string, RuleAndReason>;
  readonly #keepings: ReadonlyMap<string, RuleAndReason>;
  #positions: ReadonlyMap<string, QueuePosition> | undefined;
  #lastOfGroups: ReadonlyMap<SnapshotEntry, string> | undefined;

  constructor(snapshot: CacheSnapshot, policy: GcPolicy, surroundings: Surroundings) {
    this.#snapshot = snapshot;
    this.#policy = policy;
    this.#surroundings = surroundings;
    const { remove, keep } = planGc(snapshot, policy, surroundings);
    this.#removals = new Map(remove.entries.map((each) => [keyOf(each), each]));
    this.#keepings = new Map(keep.map((each) => [keyOf(each), each]));
  }

  of(entry: SnapshotEntry): EntryForecast {
    const isLimited = hasLimits(this.#policy);
    const removal = this.#removals.get(keyOf(entry));
    if (removal) {
      const { rule, why } = removal;
      return { action: "remove", rule, why, isLimited, prospects: [] };
    }
    const { rule, why } = this.#keepings.get(keyOf(entry)) ?? { rule: "within limits", why: "" };
    const prospects = entry.pin || isInNoRegistry(entry) ? [] : this.#prospectsOf(entry);
    return { action: "keep", rule, why, isLimited, prospects };
  }

  #prospectsOf(entry: SnapshotEntry): Forecast[] {
    this.#lastOfGroups ??= lastOfGroups(this.#snapshot, this.#policy);
    if (this.#lastOfGroups.has(entry)) return [];
    const { unused } = limitsOf(this.#policy, entry.type);
    const byTime: Forecast[] = unused === undefined
      ? []
      : [{ rule: "unused", at: entry.lastUsed + unused }];
    const scopes = LIMIT_SCOPES.filter((scope) => isInScope(entry.type, scope));
    return [
      ...byTime,
      ...this.#byBudgetOfCache(entry),
      ...scopes.flatMap((scope) => this.#byBudgetOf(scope, entry)),
    ];
  }

  #byBudgetOfCache(entry: SnapshotEntry): Forecast[] {
    const { maxSize, maxCount } = this.#policy;
    const { disk } = this.#surroundings;
    const minFree = requiredFree(this.#policy, disk);
    if (maxSize === undefined && maxCount === undefined && minFree === undefined) return [];
    const position = this.#positionOf(entry);
    if (!position) return [];
    const { freed, freedOnDisk, left } = position;
    const prospects: Forecast[] = [];
    if (maxSize !== undefined) {
      prospects.push({ rule: "max-size", bytes: atLeast0(maxSize - this.#snapshot.size + freed) });
    }
    if (minFree !== undefined) {
      prospects.push({ rule: "min-free", bytes: atLeast0(disk!.free + freedOnDisk - minFree) });
    }
    if (maxCount !== undefined) {
      prospects.push({ rule: "max-count", entries: atLeast0(maxCount - left) });
    }
    return prospects;
  }

  #byBudgetOf(scope: LimitScope, entry: SnapshotEntry): Forecast[] {
    const { maxSize, maxCount } = ownLimits(this.#policy, scope);
    if (maxSize === undefined && maxCount === undefined) return [];
    const position = this.#positionOf(entry);
    if (!position) return [];
    const { left, bytes } = position.scopes.get(scope)!;
    const prospects: Forecast[] = [];
    if (maxSize !== undefined) {
      prospects.push({ rule: "max-size", bytes: atLeast0(maxSize - bytes), scope });
    }
    if (maxCount !== undefined) {
      prospects.push({ rule: "max-count", entries: atLeast0(maxCount - left), scope });
    }
    return prospects;
  }

  /** Returns undefined for an entry that no budget can evict. */
  #positionOf(entry: SnapshotEntry): QueuePosition | undefined {
    this.#positions ??= queuePositions(
      this.#snapshot,
      evictEverything(this.#policy),
      this.#surroundings,
    );
    return this.#positions.get(keyOf(entry));
  }
}

interface RuleAndReason {
  readonly rule: string;
  readonly why: string;
}

/** What was evicted before an entry, if budgets shrink further and further. */
interface QueuePosition {
  /** Bytes freed: unreferenced content and the entries before it. */
  readonly freed: number;
  /** The same on the disk, in whole blocks; 0 without a limit on free space. */
  readonly freedOnDisk: number;
  /** Entries left, itself included. */
  readonly left: number;
  /** The same for each scope that the entry counts in, and the bytes that these entries need together. */
  readonly scopes: ReadonlyMap<LimitScope, { readonly left: number; readonly bytes: number }>;
}

/** Returns the position of each entry in the order in which a policy evicts them all. */
function queuePositions(
  snapshot: CacheSnapshot,
  policy: GcPolicy,
  surroundings: Surroundings,
): Map<string, QueuePosition> {
  const { selection, plan } = selectGc(snapshot, policy, surroundings);
  const removals = selection.decisions.filter((decision) => decision.action === "remove");
  const scopes = LIMIT_SCOPES.map((scope) => {
    const all = snapshot.entries.filter(({ type }) => isInScope(type, scope));
    return { scope, shared: new SharedSize(snapshot, all), left: all.length };
  });
  const positions = new Map<string, QueuePosition>();
  let freed = removals.reduce((rest, each) => rest - each.bytes, plan.bytes);
  let freedOnDisk = removals.reduce((rest, each) => rest - each.allocated, selection.freedOnDisk);
  let left = snapshot.entries.length;
  for (const { entry, bytes, allocated } of removals) {
    const own = scopes.filter(({ scope }) => isInScope(entry.type, scope));
    const state = own.map(({ scope, left, shared }) =>
      [scope, { left, bytes: shared.size }] as const
    );
    positions.set(keyOf(entry), { freed, freedOnDisk, left: left--, scopes: new Map(state) });
    freed += bytes;
    freedOnDisk += allocated;
    for (const each of own) {
      each.left--;
      each.shared.remove(entry);
    }
  }
  return positions;
}

/** Returns a policy that evicts everything except what `keepLast` of another policy keeps. */
function evictEverything({ minFree, keepLast, registry, types = {} }: GcPolicy): GcPolicy {
  const kept = Object.entries(types).map(([type, { keepLast }]) => [type, { keepLast }]);
  return {
    maxSize: 0,
    minFree,
    keepLast,
    registry: { keepLast: registry?.keepLast },
    types: Object.fromEntries(kept),
  };
}

function keyOf({ type, name }: { readonly type: string; readonly name: string }): string {
  return `${type} ${name}`;
}

function atLeast0(amount: number): number {
  return Math.max(0, amount);
}
