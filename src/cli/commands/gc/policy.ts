import { DAY } from "../../../base/units.ts";
import type { GcPolicy, LimitScope, ScopeLimits } from "../../../gc/policy.ts";
import type { Config } from "../../config/schema.ts";

const GB = 1e9;
/** The group of `storage` with the limits of a scope. Compiled code has none. */
export const CACHES = {
  registry: "registry_cache",
  package: "package_cache",
  build: "image_cache",
} as const satisfies Partial<Record<LimitScope, string>>;

type CacheSettings = NonNullable<NonNullable<Config["storage"]>["registry_cache"]>;

/** Returns the limits of the config: `gc` applies to all types, `storage` to single caches. */
export function policyOf({ gc, storage }: Config): GcPolicy {
  return {
    maxSize: gc?.max_size,
    minFree: gc?.min_free,
    maxCount: gc?.max_count,
    unused: gc?.unused,
    keepLast: gc?.keep_last,
    registry: limitsOf(storage?.[CACHES.registry]),
    types: {
      package: limitsOf(storage?.[CACHES.package]),
      build: limitsOf(storage?.[CACHES.build]),
    },
  };
}

function limitsOf(settings: CacheSettings | null | undefined): ScopeLimits {
  const { enabled, max_size_gb, retention_days, max_count } = settings ?? {};
  return {
    maxSize: max_size_gb === undefined ? undefined : Math.round(max_size_gb * GB),
    unused: retention_days === undefined ? undefined : retention_days * DAY,
    maxCount: max_count,
    disabled: enabled === false,
  };
}
