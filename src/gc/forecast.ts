import type { Disk } from "../base/disk.ts";
import { planGc } from "./collector.ts";
import type { PlannedEntry } from "./plan.ts";
import {
  freeGoal,
  type GcPolicy,
  hasLimits,
  isInScope,
  LIMIT_SCOPES,
  type LimitScope,
  limitsOf,
  ownLimits,
} from "./policy.ts";
import { lastOfGroups } from "./retention.ts";
import { SharedSize } from "./eviction_state.ts";
import type { CacheSnapshot, SnapshotEntry } from "../snapshot/types.ts";

/** When a rule would take an entry, if nobody uses it until then. */
export type Forecast =
  /** @property at milliseconds since the epoch */
  | { readonly rule: "unused"; readonly at: number }
  /** @property bytes that may still come into the cache */
  | { readonly rule: "min-free"; readonly bytes: number }
  /**
   * @property bytes that may still come into the cache
   * @property scope that of the limit, and of the bytes; left out for the whole cache
   */
  | { readonly rule: "max-size"; readonly bytes: number; readonly scope?: LimitScope }
  /** @property entries that may still come, of the scope if there is one */
  | { readonly rule: "max-count"; readonly entries: number; readonly scope?: LimitScope };

/** What becomes of an entry under a policy. */
export interface Fate {
  /** What a collector would do with it now. */
  readonly action: "remove" | "keep";
  readonly rule: string;
  readonly why: string;
  /** Whether there is any limit. */
  readonly isLimited: boolean;
  /** What would take it later; nothing of what is pinned. */
  readonly prospects: readonly Forecast[];
}

/** What becomes of the entries of a cache under a policy, and when. */
export class EvictionForecast {
  readonly #snapshot: CacheSnapshot;
  readonly #policy: GcPolicy;
  readonly #disk: Disk | undefined;
  readonly #removals: ReadonlyMap<string, Verdict>;
  readonly #keepings: ReadonlyMap<string, Verdict>;
  #turns: ReadonlyMap<string, QueuePosition> | undefined;
  #last: ReadonlyMap<SnapshotEntry, string> | undefined;

  /** @throws LarderError LDR_DISK*, LDR_BUSY */
  constructor(snapshot: CacheSnapshot, policy: GcPolicy, disk: Disk | undefined) {
    this.#snapshot = snapshot;
    this.#policy = policy;
    this.#disk = disk;
    const { remove, keep } = planGc(snapshot, policy, disk);
    this.#removals = new Map(remove.entries.map((each) => [keyOf(each), each]));
    this.#keepings = new Map(keep.map((each) => [keyOf(each), each]));
  }

  of(entry: SnapshotEntry): Fate {
    const isLimited = hasLimits(this.#policy);
    const removal = this.#removals.get(keyOf(entry));
    if (removal) {
      const { rule, why } = removal;
      return { action: "remove", rule, why, isLimited, prospects: [] };
    }
    const { rule, why } = this.#keepings.get(keyOf(entry)) ?? { rule: "within limits", why: "" };
    const prospects = entry.pin ? [] : this.#prospectsOf(entry);
    return { action: "keep", rule, why, isLimited, prospects };
  }

  #prospectsOf(entry: SnapshotEntry): Forecast[] {
    this.#last ??= lastOfGroups(this.#snapshot, this.#policy);
    if (this.#last.has(entry)) return [];
    const { unused } = limitsOf(this.#policy, entry.type);
    const byTime: Forecast[] = unused === undefined
      ? []
      : [{ rule: "unused", at: entry.lastUsed + unused }];
    return [...byTime, ...this.#byRoom(entry), ...this.#byRoomOfScopes(entry)];
  }

  #byRoom(entry: SnapshotEntry): Forecast[] {
    const { maxSize, maxCount } = this.#policy;
    const goal = freeGoal(this.#policy, this.#disk);
    if (maxSize === undefined && maxCount === undefined && goal === undefined) return [];
    const turn = this.#turnOf(entry);
    if (!turn) return [];
    const prospects: Forecast[] = [];
    const room = (rule: "max-size" | "min-free", bytes: number) =>
      prospects.push({ rule, bytes: Math.max(0, bytes) });
    if (maxSize !== undefined) room("max-size", maxSize - this.#snapshot.size + turn.freed);
    if (goal !== undefined) room("min-free", this.#disk!.free + turn.freed - goal);
    if (maxCount !== undefined) {
      prospects.push({ rule: "max-count", entries: Math.max(0, maxCount - turn.left) });
    }
    return prospects;
  }

  #byRoomOfScopes(entry: SnapshotEntry): Forecast[] {
    return LIMIT_SCOPES.filter((scope) => isInScope(entry.type, scope))
      .flatMap((scope) => this.#byRoomOfScope(entry, scope));
  }

  #byRoomOfScope(entry: SnapshotEntry, scope: LimitScope): Forecast[] {
    const { maxSize, maxCount } = ownLimits(this.#policy, scope);
    if (maxSize === undefined && maxCount === undefined) return [];
    const turn = this.#turnOf(entry);
    if (!turn) return [];
    const { left, bytes } = turn.scopes.get(scope)!;
    const prospects: Forecast[] = [];
    if (maxSize !== undefined) {
      prospects.push({ rule: "max-size", bytes: Math.max(0, maxSize - bytes), scope });
    }
    if (maxCount !== undefined) {
      prospects.push({ rule: "max-count", entries: Math.max(0, maxCount - left), scope });
    }
    return prospects;
  }

  /** Undefined for an entry that would stay in any case. */
  #turnOf(entry: SnapshotEntry): QueuePosition | undefined {
    this.#turns ??= turnsOf(this.#snapshot, keepingNothing(this.#policy));
    return this.#turns.get(keyOf(entry));
  }
}

type Verdict = Pick<PlannedEntry, "rule" | "why">;

/** How far things have come when an entry is the next to go. */
interface QueuePosition {
  /** Bytes that are gone, of what nobody needs and of the entries before it. */
  readonly freed: number;
  /** Entries that are left, itself included. */
  readonly left: number;
  /** The same for each scope that the entry counts in, and the bytes that these entries need together. */
  readonly scopes: ReadonlyMap<LimitScope, { readonly left: number; readonly bytes: number }>;
}

/** The turn of each entry, where everything goes in the order in which it would. */
function turnsOf(snapshot: CacheSnapshot, policy: GcPolicy): Map<string, QueuePosition> {
  const { remove, bytes } = planGc(snapshot, policy, undefined);
  const entries = new Map(snapshot.entries.map((entry) => [keyOf(entry), entry]));
  const scopes = LIMIT_SCOPES.map((scope) => {
    const all = snapshot.entries.filter(({ type }) => isInScope(type, scope));
    return { scope, use: new SharedSize(snapshot, all), left: all.length };
  });
  const turns = new Map<string, QueuePosition>();
  let freed = remove.entries.reduce((rest, each) => rest - each.bytes, bytes);
  let left = snapshot.entries.length;
  for (const planned of remove.entries) {
    const key = keyOf(planned);
    const own = scopes.filter(({ scope }) => isInScope(planned.type, scope));
    const sizes = own.map(({ scope, left, use }) => [scope, { left, bytes: use.size }] as const);
    turns.set(key, { freed, left: left--, scopes: new Map(sizes) });
    freed += planned.bytes;
    for (const each of own) {
      each.left--;
      each.use.remove(entries.get(key)!);
    }
  }
  return turns;
}

/** A policy under which all goes but what this one keeps among the last of its group. */
function keepingNothing({ keepLast, registry, types = {} }: GcPolicy): GcPolicy {
  const kept = Object.entries(types).map(([type, { keepLast }]) => [type, { keepLast }]);
  return {
    maxSize: 0,
    keepLast,
    registry: { keepLast: registry?.keepLast },
    types: Object.fromEntries(kept),
  };
}

function keyOf({ type, name }: { readonly type: string; readonly name: string }): string {
  return `${type} ${name}`;
}
