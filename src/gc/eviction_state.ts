import type { FileStat } from "../snapshot/file_state.ts";
import type { Disk } from "../base/disk.ts";
import { type Facts, isOlder, ReferenceCounts } from "./reference_counts.ts";
import type { Unreferenced } from "./plan.ts";
import {
  freeGoal,
  type GcPolicy,
  isInScope,
  type KeepingRule,
  type LimitScope,
  limitsOf,
  type TakingRule,
  type TypeLimits,
} from "./policy.ts";
import { lastOfGroups, type Reason, retentionReason } from "./retention.ts";
import type { Decision, Removal, Selection, Shortfall } from "./selection.ts";
import type { CacheSnapshot, EntryType, SnapshotEntry } from "../snapshot/types.ts";

const WITHIN_LIMITS: Reason<KeepingRule> = { rule: "within limits", why: "" };

/** The relative cost of having an entry again: code is compiled here, a build has to be built. */
const COST: Readonly<Record<EntryType, number>> = {
  compiled: 0,
  app: 1,
  image: 1,
  package: 1,
  build: 2,
};

/** How far the rules have come. */
export class EvictionState {
  readonly snapshot: CacheSnapshot;
  readonly policy: GcPolicy;
  readonly now: number;
  readonly #disk: Disk | undefined;
  readonly #counts: ReferenceCounts;
  readonly #kept: Map<SnapshotEntry, Reason<KeepingRule>>;
  readonly #taken = new Map<SnapshotEntry, Removal>();
  readonly #candidates: readonly SnapshotEntry[];
  readonly #shortfalls: Shortfall[] = [];
  /** Downloads that stay unless their space is needed, oldest first … */
  readonly #partials: FileStat[];
  /** … and those of them whose space is. */
  readonly #takenPartials: FileStat[] = [];
  readonly #youngAge: number;
  /** Not made out anew for each entry. */
  readonly #limits = new Map<EntryType, TypeLimits>();
  #freed: number;

  constructor(
    snapshot: CacheSnapshot,
    policy: GcPolicy,
    facts: Facts,
    disk: Disk | undefined,
    loose: Unreferenced,
  ) {
    this.snapshot = snapshot;
    this.policy = policy;
    this.now = facts.now;
    this.#disk = disk;
    this.#counts = new ReferenceCounts(snapshot, facts);
    this.#kept = protections(snapshot, policy, facts);
    this.#candidates = snapshot.entries.filter((entry) => !this.#kept.has(entry)).sort(byCost);
    const going = new Set(loose.partials);
    this.#partials = snapshot.partials.filter((file) => !going.has(file))
      .sort((a, b) => a.mtime - b.mtime);
    this.#youngAge = facts.ages.orphan;
    this.#freed = loose.bytes + sizeOf(snapshot, this.#counts.freed());
  }

  /** Bytes that the cache takes once all that was taken is gone. */
  get size(): number {
    return this.snapshot.size - this.#freed;
  }

  /** Bytes that are free on the disk by then. */
  get free(): number {
    return (this.#disk?.free ?? 0) + this.#freed;
  }

  /** Bytes that have to be free; undefined where that is no goal. */
  get freeGoal(): number | undefined {
    return freeGoal(this.policy, this.#disk);
  }

  /** What holds for entries of a type. */
  limitsOf(type: EntryType): TypeLimits {
    const limits = this.#limits.get(type) ?? limitsOf(this.policy, type);
    this.#limits.set(type, limits);
    return limits;
  }

  /** What may be taken, least recently used first, of one scope or of all. */
  *candidates(scope?: LimitScope): Generator<SnapshotEntry> {
    for (const entry of this.#candidates) {
      if (!this.#taken.has(entry) && isInScope(entry.type, scope)) yield entry;
    }
  }

  /** What has not been taken. */
  remaining(scope: LimitScope | undefined): SnapshotEntry[] {
    return this.snapshot.entries.filter((entry) =>
      !this.#taken.has(entry) && isInScope(entry.type, scope)
    );
  }

  /** @param scope that of the limit; undefined for a limit on the whole cache */
  take(entry: SnapshotEntry, rule: TakingRule, why: string, scope?: LimitScope): void {
    const bytes = this.#counts.release(entry);
    this.#freed += bytes;
    this.#taken.set(entry, { action: "remove", entry, rule, why, scope, bytes });
  }

  /** Takes downloads that are not young, as long as that is wanted. */
  takePartials(isWanted: () => boolean): void {
    while (isWanted()) {
      const oldest = this.#partials[0];
      if (!oldest || !isOlder(oldest.mtime, this.#youngAge, this.now)) return;
      this.#takenPartials.push(this.#partials.shift()!);
      this.#freed += oldest.size;
    }
  }

  /** What was taken because there is too little space, the most recently used first. */
  takenForSpace(): SnapshotEntry[] {
    return [...this.#taken.values()]
      .filter(({ rule }) => rule === "max-size" || rule === "min-free")
      .map(({ entry }) => entry)
      .reverse();
  }

  /** Puts an entry back that shares everything with what stays, if its own files find room too. */
  giveBackIfShared(entry: SnapshotEntry): void {
    const { maxSize = Infinity, maxCount = Infinity } = this.policy;
    const room = Math.min(maxSize - this.size, this.free - (this.freeGoal ?? -Infinity));
    const count = this.snapshot.entries.length - this.#taken.size;
    if (entry.ownSize > room || count >= maxCount || !this.#counts.isHeldByOthers(entry)) return;
    this.#counts.retain(entry);
    this.#freed -= entry.ownSize;
    this.#taken.delete(entry);
    this.#kept.set(entry, {
      rule: "shared",
      why: "all that it needs stays in any case: nothing would be freed",
    });
  }

  fallShort(
    rule: Shortfall["rule"],
    scope: LimitScope | undefined,
    limit: number,
    missing: number,
  ): void {
    const remaining = this.remaining(scope);
    const byRule = Map.groupBy(remaining, (entry) => this.#kept.get(entry)?.rule);
    const kept = [...byRule].flatMap(([rule, entries]) =>
      rule
        ? [{ rule, entries: entries.length, bytes: new SharedSize(this.snapshot, entries).size }]
        : []
    );
    if (!scope && rule !== "max-count") kept.push(...this.#heldContent());
    this.#shortfalls.push({ rule, type: scope, limit, missing, kept });
  }

  selection(): Selection {
    const kept = this.snapshot.entries.filter((entry) => !this.#taken.has(entry)).map((
      entry,
    ): Decision => ({ action: "keep", entry, ...this.#kept.get(entry) ?? WITHIN_LIMITS }));
    return {
      decisions: [...this.#taken.values(), ...kept],
      contents: this.#counts.freed(),
      partials: this.#takenPartials,
      shortfalls: this.#shortfalls,
    };
  }

  /** Content that no entry needs, and downloads, that stay all the same. */
  #heldContent(): Shortfall["kept"] {
    const { inUse, young } = this.#counts.held();
    const partials = this.#partials.reduce((sum, { size }) => sum + size, 0);
    const sums = [["in use", inUse], ["young", young + partials]] as const;
    return sums.filter(([, bytes]) => bytes > 0).map(([rule, bytes]) => ({
      rule,
      entries: 0,
      bytes,
    }));
  }
}

/** Bytes that entries need together, each file once, as some of them go. */
export class SharedSize {
  readonly #snapshot: CacheSnapshot;
  readonly #holders: Uint32Array;
  #size = 0;

  constructor(snapshot: CacheSnapshot, entries: readonly SnapshotEntry[]) {
    this.#snapshot = snapshot;
    this.#holders = new Uint32Array(snapshot.contents.length);
    for (const { ownSize, references } of entries) {
      this.#size += ownSize;
      for (const place of references) {
        if (this.#holders[place]!++ === 0) this.#size += snapshot.contents[place]!.size;
      }
    }
  }

  get size(): number {
    return this.#size;
  }

  remove({ ownSize, references }: SnapshotEntry): void {
    this.#size -= ownSize;
    for (const place of references) {
      if (--this.#holders[place]! === 0) this.#size -= this.#snapshot.contents[place]!.size;
    }
  }
}

function protections(
  snapshot: CacheSnapshot,
  policy: GcPolicy,
  facts: Facts,
): Map<SnapshotEntry, Reason<KeepingRule>> {
  const kept = new Map<SnapshotEntry, Reason<KeepingRule>>();
  const last = lastOfGroups(snapshot, policy);
  for (const entry of snapshot.entries) {
    const why = last.get(entry);
    const reason = retentionReason(entry, facts) ?? (why && { rule: "keep-last" as const, why });
    if (reason) kept.set(entry, reason);
  }
  return kept;
}

/** Least recently used first, then what is cheapest to have again. */
function byCost(a: SnapshotEntry, b: SnapshotEntry): number {
  return a.lastUsed - b.lastUsed || COST[a.type] - COST[b.type] || a.unique - b.unique ||
    (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

function sizeOf(snapshot: CacheSnapshot, places: readonly number[]): number {
  return places.reduce((sum, place) => sum + snapshot.contents[place]!.size, 0);
}
