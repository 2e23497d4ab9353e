import type { Disk } from "../base/disk.ts";
import { formatBytes, formatDuration, plural } from "../base/units.ts";
import { type Facts, isOlder, ReferenceCounts } from "./reference_counts.ts";
import type { Unreferenced } from "./plan.ts";
import {
  type GcPolicy,
  isInScope,
  LIMIT_SCOPES,
  type LimitScope,
  ownLimits,
  scopeOf,
  scopeText,
} from "./policy.ts";
import { retentionReason } from "./retention.ts";
import type { Decision, Selection } from "./selection.ts";
import { EvictionState, SharedSize } from "./eviction_state.ts";
import type { CacheSnapshot, EntryType, SnapshotEntry } from "../snapshot/types.ts";

/**
 * Decides what has to go for a cache to keep to a policy.
 *
 * What is pinned, in use, young or one of the last of its repository stays. Of the rest, what is damaged, not to be
 * kept or unused for too long goes in any case. What goes beyond a number or a size goes least recently used first;
 * of what was used at the same time, what is cheapest to have again: compiled code, which needs no network, before
 * apps, images and packages, and these before builds, which have to be built; then what frees the least, since that is what
 * would have to be fetched.
 *
 * Downloads that were broken off, and are no longer young, go before any entry does for a size.
 *
 * @param disk needed only for `minFree`
 * @param loose partial downloads and rubbish that go in any case
 */
export function select(
  snapshot: CacheSnapshot,
  policy: GcPolicy,
  facts: Facts,
  disk: Disk | undefined,
  loose: Unreferenced,
): Selection {
  const state = new EvictionState(snapshot, policy, facts, disk, loose);
  for (const rule of RULES) rule(state);
  giveBackShared(state);
  return state.selection();
}

/** Decides as a user does who says what has to go; of other entries nothing is said. */
export function selectAsked(
  snapshot: CacheSnapshot,
  asked: ReadonlySet<SnapshotEntry>,
  facts: Facts,
  options: { includePinned?: boolean | undefined },
): Selection {
  const counts = new ReferenceCounts(snapshot, facts);
  const decisions = snapshot.entries.filter((entry) => asked.has(entry)).map((entry): Decision => {
    const kept = retentionReason(entry, facts, options);
    if (kept) return { entry, action: "keep", ...kept };
    return {
      entry,
      action: "remove",
      rule: "asked",
      why: "asked for",
      bytes: counts.release(entry),
    };
  });
  return { decisions, contents: counts.freed(), partials: [], shortfalls: [] };
}

type Rule = (state: EvictionState) => void;

/** What takes entries, in this order. */
const RULES: readonly Rule[] = [
  takeDamaged,
  takeDisabled,
  takeUnused,
  takeBeyondCounts,
  takeBeyondScopeSizes,
  takeBeyondSize,
  takeForFreeSpace,
];

function takeDamaged(state: EvictionState): void {
  for (const entry of state.candidates()) {
    if (entry.problem && entry.references.length === 0) {
      state.take(entry, "damaged", entry.problem);
    }
  }
}

function takeDisabled(state: EvictionState): void {
  for (const entry of state.candidates()) {
    if (!state.limitsOf(entry.type).disabled) continue;
    const scope = scopeOf(state.policy, entry.type, "disabled")!;
    state.take(entry, "disabled", `the cache for ${scopeText(scope)} is disabled`);
  }
}

function takeUnused(state: EvictionState): void {
  for (const entry of state.candidates()) {
    const { unused } = state.limitsOf(entry.type);
    if (unused === undefined || !isOlder(entry.lastUsed, unused, state.now)) continue;
    const idle = formatDuration(state.now - entry.lastUsed);
    const why = `unused for ${idle}; the limit is ${formatDuration(unused)}`;
    state.take(entry, "unused", why, scopeOf(state.policy, entry.type, "unused"));
  }
}

function takeBeyondCounts(state: EvictionState): void {
  for (const scope of [...LIMIT_SCOPES, undefined]) {
    const limit = (scope ? ownLimits(state.policy, scope) : state.policy).maxCount;
    if (limit === undefined) continue;
    let count = state.remaining(scope).length;
    const why = `least recently used; there may be ${
      limitText(plural(limit, "entry", "entries"), scope)
    }`;
    for (const entry of state.candidates(scope)) {
      if (count <= limit) break;
      state.take(entry, "max-count", why, scope);
      count--;
    }
    if (count > limit) state.fallShort("max-count", scope, limit, count - limit);
  }
}

function takeBeyondScopeSizes(state: EvictionState): void {
  for (const scope of LIMIT_SCOPES) {
    const { maxSize } = ownLimits(state.policy, scope);
    if (maxSize === undefined) continue;
    const use = new SharedSize(state.snapshot, state.remaining(scope));
    const why = `least recently used; the limit is ${limitText(formatBytes(maxSize), scope)}`;
    for (const entry of state.candidates(scope)) {
      if (use.size <= maxSize) break;
      state.take(entry, "max-size", why, scope);
      use.remove(entry);
    }
    if (use.size > maxSize) state.fallShort("max-size", scope, maxSize, use.size - maxSize);
  }
}

function takeBeyondSize(state: EvictionState): void {
  const { maxSize } = state.policy;
  if (maxSize === undefined) return;
  state.takePartials(() => state.size > maxSize);
  const why = `least recently used; the cache may take ${formatBytes(maxSize)}`;
  for (const entry of state.candidates()) {
    if (state.size <= maxSize) break;
    state.take(entry, "max-size", why);
  }
  if (state.size > maxSize) state.fallShort("max-size", undefined, maxSize, state.size - maxSize);
}

function takeForFreeSpace(state: EvictionState): void {
  const goal = state.freeGoal;
  if (goal === undefined) return;
  state.takePartials(() => state.free < goal);
  const why = `least recently used; ${formatBytes(goal)} of the disk have to stay free`;
  for (const entry of state.candidates()) {
    if (state.free >= goal) break;
    state.take(entry, "min-free", why);
  }
  if (state.free < goal) state.fallShort("min-free", undefined, goal, goal - state.free);
}

/**
 * Gives back what was taken for the sake of space and frees none, since what stays needs the same: its turn came
 * before anybody knew how far the taking would go.
 */
function giveBackShared(state: EvictionState): void {
  for (const entry of state.takenForSpace()) {
    if (!hasOwnBudget(state.policy, entry.type)) state.giveBackIfShared(entry);
  }
}

/** True if a scope narrower than the whole cache limits the size or the number of entries of a type. */
function hasOwnBudget(policy: GcPolicy, type: EntryType): boolean {
  return LIMIT_SCOPES.some((scope) => {
    const { maxSize, maxCount } = ownLimits(policy, scope);
    return isInScope(type, scope) && (maxSize !== undefined || maxCount !== undefined);
  });
}

function limitText(limit: string, scope: LimitScope | undefined): string {
  return scope ? `${limit} for ${scopeText(scope)}` : limit;
}
