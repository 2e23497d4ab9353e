import type { Disk } from "../base/disk.ts";
import type { FileStat } from "../snapshot/file_state.ts";
import type { CacheSnapshot, EntryType, SnapshotEntry } from "../snapshot/types.ts";
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
import { type Facts, isOlderFile, ReferenceCounts, SharedSize } from "./reference_counts.ts";
import { lastOfGroups, type Reason, retentionReason } from "./retention.ts";
import type { Decision, Removal, Selection, Shortfall } from "./selection.ts";

const WITHIN_LIMITS: Reason<RetentionRule> = { rule: "within limits", why: "" };

/** Removing an entry would free none of its content. */
const MAY_BE_SHARED: Reason<RetentionRule> = {
  rule: "shared",
  why: "frees nothing: files that cannot be read may need all its layers",
};

/** The cost of restoring an entry: code is compiled locally, a download needs the network, a build has to be built. */
const RESTORE_COST: Readonly<Record<EntryType, number>> = {
  compiled: 0,
  app: 1,
  image: 1,
  package: 1,
  build: 2,
};

/** What has been evicted so far, and what that frees. */
export class EvictionState {
  readonly snapshot: CacheSnapshot;
  readonly policy: GcPolicy;
  readonly now: number;
  readonly #disk: Disk | undefined;
  readonly #counts: ReferenceCounts;
  readonly #kept: Map<SnapshotEntry, Reason<RetentionRule>>;
  readonly #evicted = new Map<SnapshotEntry, Removal>();
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

  constructor(
    snapshot: CacheSnapshot,
    policy: GcPolicy,
    facts: Facts,
    disk: Disk | undefined,
    unreferenced: Unreferenced,
  ) {
    this.snapshot = snapshot;
    this.policy = policy;
    this.now = facts.now;
    this.#disk = disk;
    this.#counts = new ReferenceCounts(snapshot, facts);
    this.#kept = keptEntries(snapshot, policy, facts);
    this.#candidates = snapshot.entries.filter((entry) => !this.#kept.has(entry)).sort(byCost);
    const removed = new Set(unreferenced.partials);
    this.#partials = snapshot.partials.filter((file) => !removed.has(file))
      .sort((a, b) => a.mtime - b.mtime);
    this.#partialAge = facts.ages.orphan;
    this.#freed = unreferenced.bytes + sizeOf(snapshot, this.#counts.freed());
  }

  /** Bytes that the cache takes after the evictions so far. */
  get size(): number {
    return this.snapshot.size - this.#freed;
  }

  /** Bytes that are free on the disk after the evictions so far. */
  get free(): number {
    return (this.#disk?.free ?? 0) + this.#freed;
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
    const bytes = this.#counts.release(entry);
    this.#freed += bytes;
    this.#evicted.set(entry, { action: "remove", entry, rule, why, scope, bytes });
  }

  /** Evicts downloads that are old enough, oldest first, until their space is no longer needed. */
  evictPartials(isSpaceNeeded: () => boolean): void {
    while (isSpaceNeeded()) {
      const oldest = this.#partials[0];
      if (!oldest || !isOlderFile(oldest, this.#partialAge, this.now)) return;
      this.#evictedPartials.push(this.#partials.shift()!);
      this.#freed += oldest.size;
    }
  }

  /** Returns the entries that were evicted for their space, last one first. */
  evictedForSpace(): SnapshotEntry[] {
    return [...this.#evicted.values()]
      .filter(({ rule }) => rule === "max-size" || rule === "min-free")
      .map(({ entry }) => entry)
      .reverse();
  }

  /** Keeps an evicted entry after all if it shares all its content with kept entries and its own files still fit. */
  restoreIfShared(entry: SnapshotEntry): void {
    const { maxSize = Infinity, maxCount = Infinity } = this.policy;
    const room = Math.min(maxSize - this.size, this.free - (this.requiredFree ?? -Infinity));
    const count = this.snapshot.entries.length - this.#evicted.size;
    if (entry.ownSize > room || count >= maxCount || !this.#counts.isSharedWithKept(entry)) return;
    this.#counts.retain(entry);
    this.#freed -= entry.ownSize;
    this.#evicted.delete(entry);
    this.#kept.set(entry, {
      rule: "shared",
      why: "frees nothing: all its layers are shared with kept entries",
    });
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
      decisions: [...this.#evicted.values(), ...kept],
      contents: this.#counts.freed(),
      retained: this.#counts.retainedContent(),
      partials: this.#evictedPartials,
      shortfalls: this.#shortfalls,
    };
  }

  /** Returns the bytes of unreferenced content and of downloads that are kept. */
  #retainedContent(): Shortfall["kept"] {
    const sums = { "in use": 0, young: this.#partials.reduce((sum, { size }) => sum + size, 0) };
    for (const { content, removableAt } of this.#counts.retainedContent()) {
      sums[removableAt === undefined ? "in use" : "young"] += content.size;
    }
    return (["in use", "young"] as const).filter((rule) => sums[rule] > 0)
      .map((rule) => ({ rule, entries: 0, bytes: sums[rule] }));
  }
}

/** Returns the entries that are kept whatever the limits are. */
function keptEntries(
  snapshot: CacheSnapshot,
  policy: GcPolicy,
  facts: Facts,
): Map<SnapshotEntry, Reason<RetentionRule>> {
  const kept = new Map<SnapshotEntry, Reason<RetentionRule>>();
  const last = lastOfGroups(snapshot, policy);
  const { pins, hasUnknownReferences } = snapshot;
  for (const entry of snapshot.entries) {
    const why = last.get(entry);
    const reason = retentionReason(entry, facts, { pins }) ??
      (hasUnknownReferences ? MAY_BE_SHARED : why && { rule: "keep-last" as const, why });
    if (reason) kept.set(entry, reason);
  }
  return kept;
}

/** Orders by last use, then by the cost of restoring an entry, then by the bytes that its removal frees. */
function byCost(a: SnapshotEntry, b: SnapshotEntry): number {
  return a.lastUsed - b.lastUsed || RESTORE_COST[a.type] - RESTORE_COST[b.type] ||
    a.unique - b.unique || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

function sizeOf(snapshot: CacheSnapshot, ids: readonly number[]): number {
  return ids.reduce((sum, id) => sum + snapshot.contents[id]!.size, 0);
}
