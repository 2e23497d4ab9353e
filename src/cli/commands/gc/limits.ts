import { InvalidArgumentError, Option } from "commander";
import { messageOf } from "../../../base/errors.ts";
import { parseBytes, parseDuration, parseSpace, type Space } from "../../../base/units.ts";
import type { GcPolicy, ScopeLimits } from "../../../gc/policy.ts";
import { ENTRY_TYPES, type EntryType } from "../../../snapshot/types.ts";

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
    new Option("--max-size <size>", "maximum size of the cache: 20GB, or image=5GB for one type")
      .argParser(bytes),
    new Option("--min-free <space>", "minimum free space on the disk: 50GB or 10%")
      .argParser(space),
    new Option("--unused <duration>", "evict entries unused for this long: 30d, or image=7d")
      .argParser(age),
    new Option("--keep-last <n>", "keep the n most recently used tags of each repository")
      .argParser(count),
    new Option("--max-count <n>", "maximum number of entries: 500, or build=5")
      .argParser(count),
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

function bytes(text: string, previous: Scoped | undefined): Scoped {
  return scoped(text, previous, parseBytes);
}

function age(text: string, previous: Scoped | undefined): Scoped {
  return scoped(text, previous, parseDuration);
}

function count(text: string, previous: Scoped | undefined): Scoped {
  return scoped(text, previous, (number) => {
    if (/^\d{1,15}$/.test(number)) return Number(number);
    throw new InvalidArgumentError("It must be a whole number.");
  });
}

function space(text: string): Space {
  return orInvalid(() => parseSpace(text));
}

/** Reads `VALUE` or `TYPE=VALUE`; the last one of each scope counts. */
function scoped(
  text: string,
  previous: Scoped | undefined,
  parse: (text: string) => number,
): Scoped {
  const at = text.indexOf("=");
  const scope = at < 0 ? "all" : text.slice(0, at);
  if (scope !== "all" && !(ENTRY_TYPES as readonly string[]).includes(scope)) {
    throw new InvalidArgumentError(`A type is one of ${ENTRY_TYPES.join(", ")}.`);
  }
  return { ...previous, [scope]: orInvalid(() => parse(text.slice(at + 1))) };
}

function orInvalid<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw error;
    throw new InvalidArgumentError(messageOf(error));
  }
}
