import { formatDuration, formatLimit, plural } from "../base/units.ts";
import type { CacheSnapshot, SnapshotEntry } from "../snapshot/types.ts";
import { type DiskNeeds, EvictionState } from "./eviction_state.ts";
import type { Unreferenced } from "./plan.ts";
import {
  type EvictionRule,
  type GcPolicy,
  LIMIT_SCOPES,
  type LimitScope,
  ownLimits,
  scopeOf,
  scopeText,
} from "./policy.ts";
import { putBack } from "./put_back.ts";
import { type Facts, isOlder, ReferenceCounts, SharedSize, sizeOf } from "./reference_counts.ts";
import { pushedReason, retentionReason } from "./retention.ts";
import type { Decision, Selection, Shortfall } from "./selection.ts";

/**
 * Decides which entries to evict so that a cache keeps to a policy.
 *
 * Pinned, used and young entries and the last ones of their group are kept whatever the limits are. The rules decide on
 * the others in this order: {@link ENTRY_RULES} on each entry by itself, then {@link BUDGETS} on all of a scope, least
 * recently used first. Among entries that were used at the same time the cheapest to restore are evicted first, and
 * among these the ones that free least, because that is what would have to be fetched again.
 *
 * @param surroundings the disk is needed only for `minFree`
 * @param unreferenced downloads and rubbish that are removed in any case
 */
export function selectEvictions(
  snapshot: CacheSnapshot,
  policy: GcPolicy,
  facts: Facts,
  surroundings: DiskNeeds,
  unreferenced: Unreferenced,
): Selection {
  const state = new EvictionState(snapshot, policy, facts, surroundings, unreferenced);
  applyRules(state);
  putBack(state);
  return state.selection();
}

/** Evicts what the rules find, in their order. */
export function applyRules(state: EvictionState): void {
  for (const { rule, test } of ENTRY_RULES) {
    for (const entry of state.candidates()) {
      const match = test(entry, state);
      if (match) state.evict(entry, rule, match.why, match.scope);
    }
  }
  for (const budgets of BUDGETS) {
    for (const budget of budgets(state)) enforce(budget, state);
  }
}

/**
 * Decides to remove the entries that a user requested, unless they are pinned, in use or, if they were not named, pushed.
 * Ignores all others.
 */
export function selectRequested(
  snapshot: CacheSnapshot,
  requested: ReadonlySet<SnapshotEntry>,
  facts: Facts,
  options: { includePinned?: boolean | undefined; includePushed?: boolean | undefined },
): Selection {
  const counts = new ReferenceCounts(snapshot, facts);
  const entries = snapshot.entries.filter((entry) => requested.has(entry));
  const decisions = entries.map((entry): Decision => {
    const reason = retentionReason(entry, facts, { pins: snapshot.pins, ...options }) ??
      (options.includePushed ? undefined : pushedReason(entry));
    if (reason) return { entry, action: "keep", ...reason };
    const bytes = entry.ownSize + sizeOf(snapshot, counts.release(entry));
    return { entry, action: "remove", rule: "asked", why: "requested", bytes, allocated: 0 };
  });
  return {
    decisions,
    contents: counts.freed(),
    retained: counts.retainedContent(),
    partials: [],
    shortfalls: [],
    freedOnDisk: 0,
  };
}

/** A rule that decides on each entry by itself. */
interface EntryRule {
  readonly rule: EvictionRule;
  /** Returns why the rule evicts an entry; undefined if it does not. */
  readonly test: (
    entry: SnapshotEntry,
    state: EvictionState,
  ) => { readonly why: string; readonly scope?: LimitScope | undefined } | undefined;
}

const ENTRY_RULES: readonly EntryRule[] = [
  { rule: "damaged", test: isDamaged },
  { rule: "disabled", test: isDisabled },
  { rule: "unused", test: isUnused },
];

function isDamaged({ problem, references }: SnapshotEntry): ReturnType<EntryRule["test"]> {
  return problem && references.length === 0 ? { why: problem } : undefined;
}

function isDisabled({ type }: SnapshotEntry, state: EvictionState): ReturnType<EntryRule["test"]> {
  if (!state.limitsOf(type).disabled) return undefined;
  const scope = scopeOf(state.policy, type, "disabled")!;
  return { why: `the cache for ${scopeText(scope)} is disabled` };
}

function isUnused(
  { type, lastUsed }: SnapshotEntry,
  state: EvictionState,
): ReturnType<EntryRule["test"]> {
  const { unused } = state.limitsOf(type);
  if (unused === undefined || !isOlder(lastUsed, unused, state.now)) return undefined;
  const idle = formatDuration(state.now - lastUsed);
  const why = `unused for ${idle}; the limit is ${formatDuration(unused)}`;
  return { why, scope: scopeOf(state.policy, type, "unused") };
}

/** A limit on all entries of a scope together. */
interface Budget {
  readonly rule: Shortfall["rule"];
  /** Undefined for the whole cache. */
  readonly scope?: LimitScope;
  readonly limit: number;
  readonly why: string;
  /** Returns how far the limit is exceeded after the evictions so far, in its unit; 0 or less if it is met. */
  readonly excess: () => number;
  /** Updates {@link excess} after the eviction of an entry. */
  readonly onEvict?: (entry: SnapshotEntry) => void;
  /** True if interrupted downloads are evicted before any entry. */
  readonly evictsPartials?: boolean;
}

/** The budgets in order. Each is made when the ones before it are enforced, because it counts what they left. */
const BUDGETS: readonly ((state: EvictionState) => Iterable<Budget>)[] = [
  countBudgets,
  scopeSizeBudgets,
  cacheSizeBudget,
  freeSpaceBudget,
];

function* countBudgets(state: EvictionState): Generator<Budget> {
  for (const scope of [...LIMIT_SCOPES, undefined]) {
    const limit = (scope ? ownLimits(state.policy, scope) : state.policy).maxCount;
    if (limit === undefined) continue;
    let count = state.remaining(scope).length;
    yield {
      rule: "max-count",
      ...(scope && { scope }),
      limit,
      why: leastRecentlyUsed(plural(limit, "entry", "entries"), scope),
      excess: () => count - limit,
      onEvict: () => count--,
    };
  }
}

function* scopeSizeBudgets(state: EvictionState): Generator<Budget> {
  for (const scope of LIMIT_SCOPES) {
    const { maxSize } = ownLimits(state.policy, scope);
    if (maxSize === undefined) continue;
    const shared = new SharedSize(state.snapshot, state.remaining(scope));
    yield {
      rule: "max-size",
      scope,
      limit: maxSize,
      why: leastRecentlyUsed(formatLimit(maxSize), scope),
      excess: () => shared.size - maxSize,
      onEvict: (entry) => shared.remove(entry),
    };
  }
}

function* cacheSizeBudget(state: EvictionState): Generator<Budget> {
  const { maxSize } = state.policy;
  if (maxSize === undefined) return;
  yield {
    rule: "max-size",
    limit: maxSize,
    why: leastRecentlyUsed(formatLimit(maxSize), undefined),
    excess: () => state.size - maxSize,
    evictsPartials: true,
  };
}

function* freeSpaceBudget(state: EvictionState): Generator<Budget> {
  const { requiredFree } = state;
  if (requiredFree === undefined) return;
  yield {
    rule: "min-free",
    limit: requiredFree,
    why: `least recently used; ${freeText(state.policy, requiredFree)} of the disk must stay free`,
    excess: () => requiredFree - state.free,
    evictsPartials: true,
  };
}

/** Evicts the least recently used entries until a budget is met, and reports what is missing if it cannot be. */
function enforce({ rule, scope, limit, why, ...budget }: Budget, state: EvictionState): void {
  if (budget.excess() > 0 && rule === "max-size" && state.isInVain(limit, scope)) {
    return state.addShortfall(rule, scope, limit, budget.excess());
  }
  if (budget.evictsPartials) state.evictPartials(() => budget.excess() > 0);
  for (const entry of state.candidates(scope)) {
    if (budget.excess() <= 0) break;
    state.evict(entry, rule, why, scope);
    budget.onEvict?.(entry);
  }
  const missing = budget.excess();
  if (missing > 0) state.addShortfall(rule, scope, limit, missing);
}

/** `10%`, or the size that was given. */
function freeText({ minFree }: GcPolicy, bytes: number): string {
  return minFree && "percent" in minFree ? `${minFree.percent}%` : formatLimit(bytes);
}

function leastRecentlyUsed(limit: string, scope: LimitScope | undefined): string {
  return `least recently used; the limit is ${limit}${scope ? ` for ${scopeText(scope)}` : ""}`;
}
