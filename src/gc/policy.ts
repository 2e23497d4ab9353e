import type { Disk } from "../base/disk.ts";
import type { Space } from "../base/units.ts";
import { ENTRY_TYPES, type EntryType, isFromRegistry } from "../snapshot/types.ts";

/** What a limit can be for: entries of one type, or apps and images together, which both come from registries. */
export const LIMIT_SCOPES = [...ENTRY_TYPES, "registry"] as const;
export type LimitScope = typeof LIMIT_SCOPES[number];

/** The limits of one scope. */
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
  /** As of {@link TypeLimits}, for apps and images: a group of these is a repository. */
  readonly keepLast?: number | undefined;
  /** For apps and images together: one budget for both, and what is not said of either type. */
  readonly registry?: TypeLimits | undefined;
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

/** True if entries of a type count in a scope; without a scope all do. */
export function isInScope(type: EntryType, scope: LimitScope | undefined): boolean {
  return scope === undefined || scope === type || (scope === "registry" && isFromRegistry(type));
}

/** Returns what a policy says of a scope itself. */
export function ownLimits({ registry, types }: GcPolicy, scope: LimitScope): TypeLimits {
  return (scope === "registry" ? registry : types?.[scope]) ?? {};
}

/**
 * Returns what holds for each entry of a type: its own limits beat those of its registry scope, which beat those for
 * all. `maxSize` and `maxCount` are the type's own, since those of a wider scope are a budget for all of it.
 */
export function limitsOf(policy: GcPolicy, type: EntryType): TypeLimits {
  const { unused, keepLast } = policy;
  const { maxSize: _, maxCount: __, ...registry } = policy.registry ?? {};
  return {
    unused,
    ...(isFromRegistry(type) && { keepLast, ...defined(registry) }),
    ...defined(ownLimits(policy, type)),
  };
}

/** Returns the narrowest scope that sets a limit for a type; undefined for a limit for all, and for none. */
export function scopeOf(
  policy: GcPolicy,
  type: EntryType,
  limit: keyof TypeLimits,
): LimitScope | undefined {
  return LIMIT_SCOPES.find((scope) =>
    isInScope(type, scope) && isSet(ownLimits(policy, scope)[limit])
  );
}

/** Names the entries of a scope in a sentence. */
export function scopeText(scope: LimitScope): string {
  return scope === "registry" ? "apps and images from registries" : `the type ${scope}`;
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
    LIMIT_SCOPES.some((scope) => takes(ownLimits(policy, scope)));
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
