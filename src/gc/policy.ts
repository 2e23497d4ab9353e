import type { Disk } from "../base/files/disk.ts";
import type { Space } from "../base/units.ts";
import { ENTRY_TYPES, type EntryType, isFromRegistry } from "../snapshot/types.ts";

/** What a limit can apply to: entries of one type, or apps and images together, which both come from registries. */
export const LIMIT_SCOPES = [...ENTRY_TYPES, "registry"] as const;
export type LimitScope = typeof LIMIT_SCOPES[number];

/** The limits of one scope. */
export interface ScopeLimits {
  /** Bytes that the entries may need together. */
  readonly maxSize?: number | undefined;
  /** The number of entries. */
  readonly maxCount?: number | undefined;
  /** Milliseconds after its last use when an entry is evicted. */
  readonly unused?: number | undefined;
  /** The number of most recently used entries of each group that are kept, whatever the other limits are. */
  readonly keepLast?: number | undefined;
  /** True if all entries are evicted. */
  readonly disabled?: boolean | undefined;
}

/** The limits of a cache: one budget for everything, and more for single scopes. Without a member there is no limit. */
export interface GcPolicy {
  /** Bytes that the cache may take. */
  readonly maxSize?: number | undefined;
  /** Space that must stay free on the disk. */
  readonly minFree?: Space | undefined;
  /** The number of entries of all types. */
  readonly maxCount?: number | undefined;
  /** As in {@link ScopeLimits}, for every type without its own. */
  readonly unused?: number | undefined;
  /** As in {@link ScopeLimits}, for apps and images: their groups are repositories. */
  readonly keepLast?: number | undefined;
  /** For apps and images together: one budget for both, and the default of each. */
  readonly registry?: ScopeLimits | undefined;
  readonly types?: Readonly<Partial<Record<EntryType, ScopeLimits>>> | undefined;
}

/** The rules that remove an entry; `asked` is a removal that a user requested. */
export type EvictionRule =
  | "asked"
  | "damaged"
  | "disabled"
  | "unused"
  | "max-count"
  | "max-size"
  | "min-free";

/** The rules that keep an entry. */
export type RetentionRule =
  | "pinned"
  | "pushed"
  | "in use"
  | "young"
  | "keep-last"
  | "shared"
  /** A newer larder wrote its record, or what cannot be read may need its content. */
  | "unknown"
  | "within limits";

/** True if entries of a type count in a scope; without a scope all do. */
export function isInScope(type: EntryType, scope: LimitScope | undefined): boolean {
  return scope === undefined || scope === type || (scope === "registry" && isFromRegistry(type));
}

/** Returns the limits that a policy sets for a scope itself. */
export function ownLimits({ registry, types }: GcPolicy, scope: LimitScope): ScopeLimits {
  return (scope === "registry" ? registry : types?.[scope]) ?? {};
}

/**
 * Returns the limits of each entry of a type: those of the type, or else of the registry scope, or else of the cache.
 * `maxSize` and `maxCount` are the type's own, because those of a wider scope are a budget for all of it.
 */
export function limitsOf(policy: GcPolicy, type: EntryType): ScopeLimits {
  const { unused, keepLast } = policy;
  const { maxSize: _, maxCount: __, ...registry } = policy.registry ?? {};
  return {
    unused,
    ...(isFromRegistry(type) && { keepLast, ...defined(registry) }),
    ...defined(ownLimits(policy, type)),
  };
}

/** Returns the narrowest scope that sets a limit for a type; undefined if at most the whole cache has one. */
export function scopeOf(
  policy: GcPolicy,
  type: EntryType,
  limit: keyof ScopeLimits,
): LimitScope | undefined {
  return LIMIT_SCOPES.find((scope) =>
    isInScope(type, scope) && isSet(ownLimits(policy, scope)[limit])
  );
}

/** Names the entries of a scope in a sentence. */
export function scopeText(scope: LimitScope): string {
  return scope === "registry" ? "apps and images from registries" : `the type ${scope}`;
}

/** Returns the bytes that must stay free on a disk; undefined without such a limit, or if the disk is unknown. */
export function requiredFree({ minFree }: GcPolicy, disk: Disk | undefined): number | undefined {
  if (!minFree || !disk) return undefined;
  return "bytes" in minFree ? minFree.bytes : Math.ceil(disk.size * minFree.percent / 100);
}

/** True if a policy has a rule that can evict an entry. */
export function hasLimits(policy: GcPolicy): boolean {
  const { maxSize, minFree, maxCount, unused } = policy;
  const evicts = (limits: ScopeLimits) =>
    limits.disabled || [limits.maxSize, limits.maxCount, limits.unused].some(isSet);
  return [maxSize, minFree, maxCount, unused].some(isSet) ||
    LIMIT_SCOPES.some((scope) => evicts(ownLimits(policy, scope)));
}

/** True if a policy has a budget, by which entries of all repositories decide on each other. */
export function hasBudget(policy: GcPolicy): boolean {
  const isLimited = ({ maxSize, maxCount }: ScopeLimits) => isSet(maxSize) || isSet(maxCount);
  return isLimited(policy) || isSet(policy.minFree) ||
    LIMIT_SCOPES.some((scope) => isLimited(ownLimits(policy, scope)));
}

/** True if `minFree` is the only limit. */
export function limitsOnlyFree(policy: GcPolicy): boolean {
  return policy.minFree !== undefined && !hasLimits({ ...policy, minFree: undefined });
}

/** True if a disk has the free space that a policy requires. */
export function hasFree(policy: GcPolicy, disk: Disk | undefined): boolean {
  return (disk?.free ?? Infinity) >= (requiredFree(policy, disk) ?? 0);
}

function isSet(value: unknown): boolean {
  return value !== undefined;
}

/** Drops undefined members, which would otherwise hide a wider limit when spread. */
function defined(limits: ScopeLimits): ScopeLimits {
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => isSet(value)));
}
