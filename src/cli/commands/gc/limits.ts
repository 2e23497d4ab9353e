import type { Option } from "commander";
import { LarderError } from "../../../base/errors.ts";
import { parseBytes, parseDuration, parseSpace, type Space } from "../../../base/units.ts";
import type { GcPolicy, ScopeLimits } from "../../../gc/policy.ts";
import { ENTRY_TYPES, type EntryType } from "../../../snapshot/types.ts";
import { notAChoice } from "../../errors.ts";
import { valueOption } from "../../options.ts";

/** The entries that a limit applies to: those of one type, or all. */
type Scope = EntryType | "all";

/** The values of a limit, for everything and for single types. */
type Scoped = Readonly<Partial<Record<Scope, number>>>;

/** The limits of gc on the command line. */
export interface LimitOptions {
  readonly maxSize?: Scoped;
  readonly minFree?: Space;
  readonly unused?: Scoped;
  readonly keepLast?: Scoped;
  readonly maxCount?: Scoped;
}

/** The names of {@link LimitOptions}. */
export const LIMIT_OPTIONS = ["maxSize", "minFree", "unused", "keepLast", "maxCount"] as const;

/** Returns the options of {@link LimitOptions}. */
export function limitOptions(): Option[] {
  return [
    valueOption(
      "--max-size <size>",
      "maximum size of the cache: 20GB, or image=5GB for one type",
      scoped(parseBytes),
    ),
    valueOption("--min-free <space>", "minimum free space on the disk: 50GB or 10%", parseSpace),
    valueOption(
      "--unused <duration>",
      "evict entries unused for this long: 30d, or image=7d",
      scoped(parseDuration),
    ),
    valueOption(
      "--keep-last <n>",
      "keep the n most recently used tags of each repository",
      scoped(parseCount),
    ),
    valueOption(
      "--max-count <n>",
      "maximum number of entries: 500, or build=5",
      scoped(parseCount),
    ),
  ];
}

/** Returns the policy with the limits of the command line in place of its own. */
export function withLimits(policy: GcPolicy, options: LimitOptions): GcPolicy {
  const { maxSize, minFree, unused, keepLast, maxCount } = options;
  const types: Partial<Record<EntryType, ScopeLimits>> = {};
  for (const type of ENTRY_TYPES) {
    const before = policy.types?.[type];
    types[type] = {
      ...before,
      maxSize: maxSize?.[type] ?? before?.maxSize,
      maxCount: maxCount?.[type] ?? before?.maxCount,
      // A limit for everything on the command line overrides one for a single type in the config.
      unused: unused?.[type] ?? (unused?.all === undefined ? before?.unused : undefined),
      keepLast: keepLast?.[type] ?? before?.keepLast,
    };
  }
  return {
    maxSize: maxSize?.all ?? policy.maxSize,
    minFree: minFree ?? policy.minFree,
    maxCount: maxCount?.all ?? policy.maxCount,
    unused: unused?.all ?? policy.unused,
    keepLast: keepLast?.all ?? policy.keepLast,
    registry: {
      ...policy.registry,
      maxSize: isForRegistry(maxSize) ? undefined : policy.registry?.maxSize,
      maxCount: isForRegistry(maxCount) ? undefined : policy.registry?.maxCount,
      unused: unused?.all === undefined ? policy.registry?.unused : undefined,
    },
    types,
  };
}

/** True if a limit is given for apps or images; it then overrides the budget that the config sets for both. */
function isForRegistry(limit: Scoped | undefined): boolean {
  return limit?.app !== undefined || limit?.image !== undefined;
}

/** Returns a reader of `VALUE` or `TYPE=VALUE`; the last one of each scope counts. */
function scoped(parse: (text: string) => number) {
  return (text: string, previous: Scoped | undefined): Scoped => {
    const at = text.indexOf("=");
    const scope = at < 0 ? "all" : text.slice(0, at);
    if (scope !== "all" && !(ENTRY_TYPES as readonly string[]).includes(scope)) {
      throw notAChoice(scope, ENTRY_TYPES);
    }
    return { ...previous, [scope]: parse(text.slice(at + 1)) };
  };
}

function parseCount(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new LarderError("LDR_USAGE", `"${text}" is not a whole number`, {
    hint: "write a number without a unit, such as 5",
  });
}
