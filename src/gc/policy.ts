import type { Disk } from "../base/disk.ts";
import type { Space } from "../base/units.ts";
import type { EntryType } from "../snapshot/types.ts";

/** What entries of one type have to keep to. */
export interface TypeLimits {
  /** Bytes that entries of the type may need together. */
  readonly maxSize?: number | undefined;
  /** How many there may be. */
  readonly maxCount?: number | undefined;
  /** Entries go that were not used for so many milliseconds. */
  readonly unused?: number | undefined;
  /** So many of each group, the last used ones, stay whatever the other rules say. */
  readonly keepLast?: number | undefined;
  /** None is to be kept. */
  readonly disabled?: boolean | undefined;
}

/**
 * What the cache has to keep to: one budget for all that is in it, and more for single types. What is left out limits
 * nothing.
 */
export interface GcPolicy {
  /** Bytes that the cache may take. */
  readonly maxSize?: number | undefined;
  /** What has to stay free on the disk. */
  readonly minFree?: Space | undefined;
  /** Entries there may be, of all types together. */
  readonly maxCount?: number | undefined;
  /** As of {@link TypeLimits}, for every type that does not say otherwise. */
  readonly unused?: number | undefined;
  /** As of {@link TypeLimits}, for apps: a group of these is a repository. */
  readonly keepLast?: number | undefined;
  readonly types?: Readonly<Partial<Record<EntryType, TypeLimits>>> | undefined;
}

/** What takes an entry. */
export type TakingRule =
  | "asked"
  | "damaged"
  | "disabled"
  | "unused"
  | "max-count"
  | "max-size"
  | "min-free";

/** What keeps one. */
export type KeepingRule =
  | "pinned"
  | "in use"
  | "young"
  | "keep-last"
  | "shared"
  | "within limits";

/** What holds for entries of a type. */
export function limitsOf(policy: GcPolicy, type: EntryType): TypeLimits {
  const { unused, keepLast } = policy;
  return { unused, ...(type === "app" && { keepLast }), ...defined(policy.types?.[type] ?? {}) };
}

/** Bytes that a policy wants free on a disk; undefined where it wants none, or nobody knows the disk. */
export function freeGoal({ minFree }: GcPolicy, disk: Disk | undefined): number | undefined {
  if (!minFree || !disk) return undefined;
  return "bytes" in minFree ? minFree.bytes : Math.ceil(disk.size * minFree.percent / 100);
}

/** Whether any rule takes anything. */
export function hasLimits(policy: GcPolicy): boolean {
  const { maxSize, minFree, maxCount, unused } = policy;
  const takes = (limits: TypeLimits) =>
    limits.disabled || [limits.maxSize, limits.maxCount, limits.unused].some(isSet);
  return [maxSize, minFree, maxCount, unused].some(isSet) ||
    Object.values(policy.types ?? {}).some(takes);
}

/** Whether nothing is limited but what has to stay free on the disk. */
export function limitsOnlyFree(policy: GcPolicy): boolean {
  return policy.minFree !== undefined && !hasLimits({ ...policy, minFree: undefined });
}

/** Whether as much of a disk is free as a policy wants. */
export function hasFree(policy: GcPolicy, disk: Disk | undefined): boolean {
  return (disk?.free ?? Infinity) >= (freeGoal(policy, disk) ?? 0);
}

function isSet(value: unknown): boolean {
  return value !== undefined;
}

/** Without the members that are undefined, which would hide what holds for all. */
function defined(limits: TypeLimits): TypeLimits {
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => isSet(value)));
}
