import { compareText } from "../base/compare_text.ts";
import type { Disk } from "../base/files/disk.ts";
import type { FileStat } from "../snapshot/file_state.ts";
import type { CacheSnapshot, EntryType, SnapshotEntry } from "../snapshot/types.ts";
import { FreedBlocks } from "./freed_blocks.ts";
import type { Unreferenced } from "./plan.ts";
import {
  type EvictionRule,
  type GcPolicy,
  isInScope,
  type LimitScope,
  limitsOf,
  requiredFree,
  type RetentionRule,
  type ScopeLimits,
} from "./policy.ts";
import {
  type Facts,
  isOlderFile,
  ReferenceCounts,
  SharedSize,
  sizeOf,
} from "./reference_counts.ts";
import { keptEntries, type Reason } from "./retention.ts";
import type { Decision, Removal, Selection, Shortfall } from "./selection.ts";

const WITHIN_LIMITS: Reason<RetentionRule> = { rule: "within limits", why: "" };
const SHARED: Reason<RetentionRule> = {
  rule: "shared",
  why: "frees nothing: all its layers are shared with kept entries",
};

/** The rules that evict as many entries of a scope as they must, and not each that matches. */
const BUDGET_RULES: ReadonlySet<EvictionRule | undefined> = new Set([
  "max-count",
  "max-size",
  "min-free",
]);

/** The cost of restoring an entry: code is compiled locally, a download needs the network, a build has to be built. */
const RESTORE_COST: Readonly<Record<EntryType, number>> = {
  compiled: 0,
  app: 1,
  image: 1,
  package: 1,
  build: 2,
};

/** What a selection depends on besides the cache; see `Surroundings`. */
export interface DiskNeeds {
  readonly disk?: Disk | undefined;
  readonly needed?: number | undefined;
  readonly isAutomatic?: boolean | undefined;
}

/** What has been evicted so far, and what that frees. */
export class EvictionState {
  readonly snapshot: CacheSnapshot;
  readonly policy: GcPolicy;
  readonly now: number;
  readonly #facts: Facts;
  readonly #disk: Disk | undefined;
  /** Bytes that are about to be added. */
  readonly #needed: number;
  readonly #isAutomatic: boolean;
  readonly #counts: ReferenceCounts;
  /** Undefined if no limit needs it, which saves stat'ing what is evicted. */
  readonly #blocks: FreedBlocks | undefined;
  readonly #kept: Map<SnapshotEntry, Reason<RetentionRule>>;
  readonly #evicted = new Map<SnapshotEntry, Omit<Removal, "bytes" | "allocated">>();
  /** The entries that may be evicted, in the order of {@link byCost}. */
  readonly #candidates: readonly SnapshotEntry[];
  readonly #shortfalls: Shortfall[] = [];
  /** Downloads that are kept unless their space is needed, oldest first. */
  readonly #partials: FileStat[];
  /** Downloads that were evicted for their space. */
  readonly #evictedPartials: FileStat[] = [];
  readonly #partialAge: number;
  /** Computed once for each type: there may be 10,000 entries. */
  readonly #limits = new Map<EntryType, ScopeLimits>();
  #freed: number;
  /** Bytes freed on the disk, in whole blocks; counted only for `minFree`. */
  #freedOnDisk = 0;

  constructor(
    snapshot: CacheSnapshot,
    policy: GcPolicy,
    facts: Facts,
    { disk, needed = 0, isAutomatic = false }: DiskNeeds,
    unreferenced: Unreferenced,
  ) {
    this.snapshot = snapshot;
    this.policy = policy;
    this.now = facts.now;
    this.#facts = facts;
    this.#disk = disk;
    this.#needed = needed;
    this.#isAutomatic = isAutomatic;
    this.#counts = new ReferenceCounts(snapshot, facts);
    this.#kept = keptEntries(snapshot, policy, facts);
    this.#candidates = snapshot.entries.filter((entry) => !this.#kept.has(entry)).sort(byCost);
    const removed = new Set(unreferenced.partials);
    this.#partials = snapshot.partials
      .filter((file) => !removed.has(file) && !facts.inUse.partials.has(file.path))
      .sort((a, b) => a.mtime - b.mtime);
    this.#partialAge = facts.ages.orphan;
    const freed = this.#counts.freed();
    this.#freed = unreferenced.bytes + sizeOf(snapshot, freed);
    if (this.requiredFree === undefined) return;
    this.#blocks = new FreedBlocks(snapshot);
    this.#freedOnDisk = this.#blocks.remove(freed) +
      allocated([...unreferenced.partials, ...unreferenced.rubbish]);
  }

  /** Bytes that the cache takes after the evictions so far, and with what is about to be added. */
  get size(): number {
    return this.snapshot.size + this.#needed - this.#freed;
  }

  /** Bytes that are free on the disk after the evictions so far, and without what is about to be taken. */
  get free(): number {
    return (this.#disk?.free ?? 0) + this.#freedOnDisk - this.#needed;
  }

  /**
   * True if what is about to be added, or an entry that is in use or young, exceeds a size by itself. A collection that
   * no user has asked for then evicts nothing: the limit would not be met, and that entry is removed once it is older.
   */
  isInVain(limit: number, scope: LimitScope | undefined): boolean {
    if (!this.#isAutomatic) return false;
    return (scope === undefined && this.#needed > limit) ||
      this.remaining(scope).some((entry) => {
        const rule = this.#kept.get(entry)?.rule;
        return (rule === "young" || rule === "in use") && entry.size > limit;
      });
  }

  /** Bytes that must be free on the disk; undefined without such a limit. */
  get requiredFree(): number | undefined {
    return requiredFree(this.policy, this.#disk);
  }

  /** Returns the limits of each entry of a type. */
  limitsOf(type: EntryType): ScopeLimits {
    const limits = this.#limits.get(type) ?? limitsOf(this.policy, type);
    this.#limits.set(type, limits);
    return limits;
  }

  /** Yields the entries of a scope that may still be evicted, least recently used first. */
  *candidates(scope?: LimitScope): Generator<SnapshotEntry> {
    for (const entry of this.#candidates) {
      if (!this.#evicted.has(entry) && isInScope(entry.type, scope)) yield entry;
    }
  }

  /** Returns the entries of a scope that were not evicted. */
  remaining(scope: LimitScope | undefined): SnapshotEntry[] {
    return this.snapshot.entries.filter((entry) =>
      !this.#evicted.has(entry) && isInScope(entry.type, scope)
    );
  }

  /** @param scope that of the limit; undefined for a limit on the whole cache */
  evict(entry: SnapshotEntry, rule: EvictionRule, why: string, scope?: LimitScope): void {
    const ids = this.#counts.release(entry);
    this.#freed += entry.ownSize + sizeOf(this.snapshot, ids);
    if (this.#blocks) this.#freedOnDisk += entry.ownAllocated + this.#blocks.remove(ids);
    this.#evicted.set(entry, { action: "remove", entry, rule, why, scope });
  }

  /** Evicts downloads that are old enough, oldest first, until their space is no longer needed. */
  evictPartials(isSpaceNeeded: () => boolean): void {
    while (isSpaceNeeded()) {
      const oldest = this.#partials[0];
      if (!oldest || !isOlderFile(oldest, this.#partialAge, this.now)) return;
      this.#evictedPartials.push(this.#partials.shift()!);
      this.#freed += oldest.size;
      this.#freedOnDisk += oldest.allocated;
    }
  }

  /** Returns the entries that a limit on all of a scope evicted, most recently used first. */
  evictedByBudgets(): SnapshotEntry[] {
    return this.#candidates.filter((entry) => BUDGET_RULES.has(this.#evicted.get(entry)?.rule))
      .reverse();
  }

  /** Keeps an evicted entry after all if the limits of the whole cache allow it. @returns true if it is kept */
  putBackIfFits(entry: SnapshotEntry): boolean {
    const { maxSize = Infinity, maxCount = Infinity } = this.policy;
    if (this.snapshot.entries.length - this.#evicted.size >= maxCount) return false;
    const ids = this.#counts.heldBy(entry);
    const bytes = entry.ownSize + sizeOf(this.snapshot, ids);
    if (this.size + bytes > maxSize) return false;
    if (this.#blocks) {
      const taken = entry.ownAllocated + this.#blocks.putBack(ids);
      if (this.free - taken < (this.requiredFree ?? -Infinity)) {
        this.#blocks.remove(ids);
        return false;
      }
      this.#freedOnDisk -= taken;
    }
    this.#counts.retain(entry);
    this.#freed -= bytes;
    this.#evicted.delete(entry);
    const isShared = ids.length === 0 && entry.references.length > 0;
    this.#kept.set(entry, isShared ? SHARED : WITHIN_LIMITS);
    return true;
  }

  /** Reports a limit that cannot be reached. @param missing in the unit of the limit */
  addShortfall(
    rule: Shortfall["rule"],
    scope: LimitScope | undefined,
    limit: number,
    missing: number,
  ): void {
    const byRule = Map.groupBy(this.remaining(scope), (entry) => this.#kept.get(entry)?.rule);
    const kept = [...byRule].flatMap(([rule, entries]) =>
      rule
        ? [{ rule, entries: entries.length, bytes: new SharedSize(this.snapshot, entries).size }]
        : []
    );
    if (!scope && rule !== "max-count") kept.push(...this.#retainedContent());
    this.#shortfalls.push({ rule, type: scope, limit, missing, kept });
  }

  selection(): Selection {
    const kept = this.remaining(undefined).map((entry): Decision => ({
      action: "keep",
      entry,
      ...this.#kept.get(entry) ?? WITHIN_LIMITS,
    }));
    return {
      decisions: [...this.#removals(), ...kept],
      contents: this.#counts.freed(),
      retained: this.#counts.retainedContent(),
      partials: this.#evictedPartials,
      shortfalls: this.#shortfalls,
      freedOnDisk: this.#freedOnDisk,
    };
  }

  /** Returns the removals, each with the bytes that it frees after those before it. */
  #removals(): Removal[] {
    const counts = new ReferenceCounts(this.snapshot, this.#facts);
    const blocks = this.#blocks && new FreedBlocks(this.snapshot);
    blocks?.remove(counts.freed());
    return [...this.#evicted.values()].map((removal) => {
      const { ownSize, ownAllocated } = removal.entry;
      const ids = counts.release(removal.entry);
      const allocated = blocks ? ownAllocated + blocks.remove(ids) : 0;
      return { ...removal, bytes: ownSize + sizeOf(this.snapshot, ids), allocated };
    });
  }

  /** Returns the bytes of unreferenced content and of downloads that are kept. */
  #retainedContent(): Shortfall["kept"] {
    const needed = this.snapshot.hasUnknownReferences ? "unknown" : "in use";
    const young = this.#partials.reduce((sum, { size }) => sum + size, 0);
    const sums = { [needed]: 0, young };
    for (const { content, removableAt } of this.#counts.retainedContent()) {
      sums[removableAt === undefined ? needed : "young"]! += content.size;
    }
    return ([needed, "young"] as const).filter((rule) => sums[rule]! > 0)
      .map((rule) => ({ rule, entries: 0, bytes: sums[rule]! }));
  }
}

/** Orders by last use, then by the cost of restoring an entry, then by the bytes that its removal frees. */
function byCost(a: SnapshotEntry, b: SnapshotEntry): number {
  return a.lastUsed - b.lastUsed || RESTORE_COST[a.type] - RESTORE_COST[b.type] ||
    a.unique - b.unique || compareText(a.name, b.name);
}

function allocated(files: readonly FileStat[]): number {
  return files.reduce((sum, file) => sum + file.allocated, 0);
}
