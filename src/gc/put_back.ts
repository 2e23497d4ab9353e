import type { EvictionState } from "./eviction_state.ts";
import { isInScope, LIMIT_SCOPES, ownLimits } from "./policy.ts";
import { SharedSize } from "./reference_counts.ts";

/**
 * Keeps entries that the budgets evicted, most recently used first, as long as every limit is met: the last one evicted
 * may have freed much more than was missing. What is kept can make another entry cheaper to keep, so this repeats until
 * none fits.
 */
export function putBack(state: EvictionState): void {
  const { policy, snapshot } = state;
  const scopes = LIMIT_SCOPES.flatMap((scope) => {
    const { maxSize = Infinity, maxCount = Infinity } = ownLimits(policy, scope);
    if (maxSize === Infinity && maxCount === Infinity) return [];
    const kept = state.remaining(scope);
    return [{
      scope,
      maxSize,
      maxCount,
      count: kept.length,
      shared: new SharedSize(snapshot, kept),
    }];
  });
  let isDone = false;
  while (!isDone) {
    isDone = true;
    for (const entry of state.evictedByBudgets()) {
      const own = scopes.filter(({ scope }) => isInScope(entry.type, scope));
      const fits = own.every(({ maxSize, maxCount, count, shared }) =>
        count < maxCount && shared.size + shared.addedBy(entry) <= maxSize
      );
      if (!fits || !state.putBackIfFits(entry)) continue;
      for (const each of own) {
        each.count++;
        each.shared.add(entry);
      }
      isDone = false;
    }
  }
}
