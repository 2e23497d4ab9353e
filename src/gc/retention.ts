import { formatDuration } from "../base/units.ts";
import {
  type CacheSnapshot,
  ENTRY_TYPES,
  type EntryType,
  isFromRegistry,
  isInNoRegistry,
  type SnapshotEntry,
} from "../snapshot/types.ts";
import { type GcPolicy, type LimitScope, limitsOf, type RetentionRule, scopeOf } from "./policy.ts";
import { type Facts, isOlder } from "./reference_counts.ts";

/** The rule behind a decision, and the reason in words for a user. */
export interface Reason<R extends string> {
  readonly rule: R;
  readonly why: string;
}

/** Removing an entry would free none of its content. */
const MAY_BE_SHARED: Reason<RetentionRule> = {
  rule: "unknown",
  why: "frees nothing: what cannot be read may need all its layers",
};

/** Limits, and a request that does not name it, would remove the only copy. */
const PUSHED: Reason<RetentionRule> = { rule: "pushed", why: "pushed, and in no registry" };

/** Returns why an entry is kept unless a user names it; undefined for all but those that no registry has. */
export function pushedReason(entry: SnapshotEntry): Reason<RetentionRule> | undefined {
  return isInNoRegistry(entry) ? PUSHED : undefined;
}

/** Returns the entries that are kept whatever the limits are. */
export function keptEntries(
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
      pushedReason(entry) ??
      (hasUnknownReferences ? MAY_BE_SHARED : why && { rule: "keep-last" as const, why });
    if (reason) kept.set(entry, reason);
  }
  return kept;
}

/**
 * Returns why an entry must be kept whatever the limits are; undefined if it may be removed.
 * @param pins false if more may be pinned than is known
 */
export function retentionReason(
  entry: SnapshotEntry,
  facts: Facts,
  { pins, includePinned }: {
    readonly pins: Pick<CacheSnapshot["pins"], "isComplete">;
    readonly includePinned?: boolean | undefined;
  },
): Reason<RetentionRule> | undefined {
  if (entry.isFromNewerVersion) return { rule: "unknown", why: entry.problem! };
  if (!includePinned) {
    if (entry.pin) return { rule: "pinned", why: pinText(entry) };
    if (!pins.isComplete) {
      return { rule: "pinned", why: "may be pinned: not all of pins.json can be read" };
    }
  }
  const { folders, unknown } = facts.inUse;
  const user = folders.get(entry.folder);
  if (user !== undefined) return { rule: "in use", why: `in use by ${user}` };
  if (unknown !== undefined) return { rule: "in use", why: `may be in use: ${unknown}` };
  const { now, ages } = facts;
  if (isOlder(entry.lastUsed, ages.entry, now)) return undefined;
  const ago = formatDuration(now - entry.lastUsed);
  const age = formatDuration(ages.entry);
  const where = facts.hasLocks === false ? "without locks in this file system, " : "";
  const why = `last used ${ago} ago; ${where}entries are kept for ${age} after a use`;
  return { rule: "young", why };
}

/** Returns the entries that `keepLast` keeps, with the reason. */
export function lastOfGroups(
  snapshot: CacheSnapshot,
  policy: GcPolicy,
): Map<SnapshotEntry, string> {
  const kept = new Map<SnapshotEntry, string>();
  if (ENTRY_TYPES.every((type) => limitsOf(policy, type).keepLast === undefined)) return kept;
  // A repository can hold apps and images: a limit for both counts them together.
  const scopes = new Map(ENTRY_TYPES.map((type) => [type, keepLastScope(policy, type)]));
  const groups = Map.groupBy(
    snapshot.entries.filter(({ problem, references }) => !problem || references.length > 0),
    ({ type, group }) => `${scopes.get(type)} ${group}`,
  );
  for (const entries of groups.values()) {
    const { keepLast } = limitsOf(policy, entries[0]!.type);
    if (keepLast === undefined) continue;
    const last = entries.toSorted((a, b) => b.lastUsed - a.lastUsed || b.createdAt - a.createdAt);
    const which = keepLast === 1 ? "the last used" : `among the last ${keepLast} used`;
    for (const entry of last.slice(0, keepLast)) kept.set(entry, `${which} of ${entry.group}`);
  }
  return kept;
}

function keepLastScope(policy: GcPolicy, type: EntryType): LimitScope {
  return scopeOf(policy, type, "keepLast") ?? (isFromRegistry(type) ? "registry" : type);
}

function pinText({ pin }: SnapshotEntry): string {
  const { pattern, note } = pin!;
  return `pinned${pattern === undefined ? "" : ` by ${pattern}`}${note ? `: ${note}` : ""}`;
}
