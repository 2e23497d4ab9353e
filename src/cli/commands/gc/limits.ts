import { type Command, InvalidArgumentError } from "commander";
import { messageOf } from "../../../base/errors.ts";
import { parseBytes, parseDuration, parseSpace, type Space } from "../../../base/units.ts";
import type { GcPolicy, TypeLimits } from "../../../gc/policy.ts";
import { ENTRY_TYPES, type EntryType } from "../../../snapshot/types.ts";

/** What a limit is for: entries of one type, or everything. */
type Scope = EntryType | "all";

/** A limit as it was given: once for everything, and once for each type. */
type Scoped = Readonly<Partial<Record<Scope, number>>>;

/** The options of every command that takes the collector's limits. */
export interface LimitOptions {
  readonly maxSize?: Scoped;
  readonly minFree?: Space;
  readonly unused?: Scoped;
  readonly keepLast?: Scoped;
  readonly maxCount?: Scoped;
}

/** The names of {@link LimitOptions}. */
export const LIMIT_OPTIONS = ["maxSize", "minFree", "unused", "keepLast", "maxCount"] as const;

/** Adds the options that say what the cache has to keep to. */
export function addLimitOptions(command: Command): Command {
  return command
    .option("--max-size <size>", "the most that the cache may take: 20GB, image=5GB", bytes)
    .option("--min-free <space>", "what has to stay free on the disk: 50GB, 10%", space)
    .option("--unused <duration>", "remove what was not used for so long: 30d, image=7d", age)
    .option("--keep-last <n>", "keep the last used n tags of each repository, whatever", count)
    .option("--max-count <n>", "keep at most n entries: 500, build=5", count);
}

/** A policy with what the command line says in the place of what it said. */
export function withLimits(policy: GcPolicy, options: LimitOptions): GcPolicy {
  const { maxSize, minFree, unused, keepLast, maxCount } = options;
  const types: Partial<Record<EntryType, TypeLimits>> = {};
  for (const type of ENTRY_TYPES) {
    const before = policy.types?.[type];
    types[type] = {
      ...before,
      maxSize: maxSize?.[type] ?? before?.maxSize,
      maxCount: maxCount?.[type] ?? before?.maxCount,
      // A limit for everything on the command line beats one of the config for a type.
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
      unused: unused?.all === undefined ? policy.registry?.unused : undefined,
    },
    types,
  };
}

function bytes(text: string, before: Scoped | undefined): Scoped {
  return scoped(text, before, parseBytes);
}

function age(text: string, before: Scoped | undefined): Scoped {
  return scoped(text, before, parseDuration);
}

function count(text: string, before: Scoped | undefined): Scoped {
  return scoped(text, before, (number) => {
    if (/^\d{1,15}$/.test(number)) return Number(number);
    throw new InvalidArgumentError("It must be a whole number.");
  });
}

function space(text: string): Space {
  return reading(() => parseSpace(text));
}

/** Reads `VALUE` or `TYPE=VALUE`; of several for the same the last counts. */
function scoped(
  text: string,
  before: Scoped | undefined,
  parse: (text: string) => number,
): Scoped {
  const at = text.indexOf("=");
  const scope = at < 0 ? "all" : text.slice(0, at);
  if (scope !== "all" && !(ENTRY_TYPES as readonly string[]).includes(scope)) {
    throw new InvalidArgumentError(`A type is one of ${ENTRY_TYPES.join(", ")}.`);
  }
  return { ...before, [scope]: reading(() => parse(text.slice(at + 1))) };
}

function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw error;
    throw new InvalidArgumentError(messageOf(error));
  }
}
