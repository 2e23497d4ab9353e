import { DAY } from "../../base/units.ts";
import type { Evicted, JournalEvent, MissCause, SweepEvent } from "./journal.ts";

/** Seven days within which fetching an evicted entry again makes its eviction a regret. */
export const REGRET_AGE = 7 * DAY;

/** How well the cache has served, according to the journal. Sizes are in bytes. */
export interface Stats {
  /** Time of the oldest event in milliseconds since the epoch; undefined if there is none. */
  readonly since: number | undefined;
  readonly hits: number;
  readonly misses: number;
  readonly causes: Readonly<Partial<Record<MissCause, number>>>;
  readonly fetched: number;
  /** Bytes of {@link fetched} that came from the shared cache. */
  readonly shared: number;
  readonly saved: number;
  /** Tags and digests that clients pushed to `serve`. */
  readonly pushes: number;
  /** Removals by the rules of a policy, not by a user's selection. */
  readonly evictions: { readonly entries: number; readonly bytes: number };
  readonly regrets: readonly Regret[];
  readonly advice: readonly Advice[];
}

/** An entry that was fetched again within {@link REGRET_AGE} after a limit evicted it. */
export interface Regret {
  readonly name: string;
  readonly rule: string;
  /** Bytes that its removal freed. */
  readonly bytes: number;
  /** Milliseconds since the epoch. */
  readonly lastUsed: number;
  readonly evictedAt: number;
  readonly fetchedAt: number;
}

/** The smallest value of a limit that would have kept all regretted entries. */
export interface Advice {
  readonly rule: "max-size" | "max-count" | "unused" | "min-free";
  /** The type of entries that the limit applies to, or `registry`; undefined for a limit on the whole cache. */
  readonly scope: string | undefined;
  /**
   * `max-size`: bytes; `max-count`: entries; `unused`: milliseconds; `min-free`: bytes by which the disk is too small,
   * because they have to stay free.
   */
  readonly atLeast: number;
}

/** An evicted entry, its sweep, and the time when its content was fetched again. */
interface Regretted {
  readonly entry: Evicted;
  readonly sweep: SweepEvent;
  readonly fetchedAt: number;
}

/** The rules that are limits, unlike `asked` and `damaged`. */
const LIMITS: ReadonlySet<string> = new Set(["max-size", "max-count", "unused", "min-free"]);

/** Computes the statistics of a journal. @param events events of the journal, oldest first */
export function statsOf(events: readonly JournalEvent[]): Stats {
  const uses = events.filter((event) => event.kind === "use");
  const sweeps = events.filter((event) => event.kind === "sweep");
  const misses = uses.filter(({ cause }) => cause !== undefined);
  const evictions = sweeps.filter(isByPolicy);
  const regretted = findRegretted(events);
  return {
    since: events[0] && Date.parse(events[0].at),
    hits: sum(uses.map((use) => use.cause === undefined ? use.uses ?? 1 : 0)),
    misses: misses.length,
    causes: countBy(misses.map(({ cause }) => cause!)),
    fetched: sum(uses.map(({ fetched }) => fetched)),
    shared: sum(uses.map(({ shared = 0 }) => shared)),
    saved: sum(uses.map(({ saved }) => saved)),
    pushes: events.filter(({ kind }) => kind === "push").length,
    evictions: {
      entries: sum(evictions.map(({ entries }) => entries)),
      bytes: sum(evictions.map(({ bytes }) => bytes)),
    },
    regrets: regretted.map(({ entry, sweep, fetchedAt }) => ({
      name: entry.name,
      rule: entry.rule,
      bytes: entry.bytes,
      lastUsed: entry.lastUsed,
      evictedAt: Date.parse(sweep.at),
      fetchedAt,
    })),
    advice: adviceFor(regretted),
  };
}

/** True if a sweep followed a policy instead of a user's selection. */
function isByPolicy({ evicted }: SweepEvent): boolean {
  return evicted.some(({ rule }) => rule !== "asked");
}

/**
 * Finds evicted entries whose content was fetched again within {@link REGRET_AGE}. The order of the events tells what
 * came first, because a clock can be set back.
 */
function findRegretted(events: readonly JournalEvent[]): Regretted[] {
  const numbered = events.map((event, number) => ({ event, number }));
  const byDigest = Map.groupBy(
    numbered.flatMap(({ event, number }) =>
      // Content that other entries had kept was not missed.
      event.kind === "use" && event.cause && event.fetched > 0 ? { ...event, number } : []
    ),
    ({ digest }) => digest,
  );
  return numbered.flatMap(({ event: sweep, number }) => {
    if (sweep.kind !== "sweep") return [];
    return sweep.evicted.flatMap((entry): Regretted[] => {
      if (!LIMITS.has(entry.rule) || !entry.digest) return [];
      const fetch = byDigest.get(entry.digest)?.find((each) => each.number > number);
      const fetchedAt = fetch && Math.max(Date.parse(fetch.at), Date.parse(sweep.at));
      if (fetchedAt === undefined || fetchedAt - Date.parse(sweep.at) > REGRET_AGE) return [];
      return [{ entry, sweep, fetchedAt }];
    });
  });
}

/**
 * Computes the limits that would have kept all regretted entries. The least recently used entry is evicted first, so a
 * limit keeps an entry only if it has room for all entries that were used after it too.
 */
function adviceFor(regretted: readonly Regretted[]): Advice[] {
  const advice = new Map<string, Advice>();
  for (const each of regretted) {
    const { rule, scope } = each.entry;
    if (!isLimit(rule)) continue;
    const key = `${rule} ${scope}`;
    const atLeast = Math.max(advice.get(key)?.atLeast ?? 0, smallestLimit(rule, each));
    advice.set(key, { rule, scope, atLeast });
  }
  return [...advice.values()];
}

function isLimit(rule: string): rule is Advice["rule"] {
  return LIMITS.has(rule);
}

/** Returns the smallest value of a limit that would have kept one regretted entry. */
function smallestLimit(rule: Advice["rule"], { entry, sweep, fetchedAt }: Regretted): number {
  if (rule === "unused") return fetchedAt - entry.lastUsed;
  const { scope } = entry;
  const kept = sweep.evicted.filter((other) =>
    other.rule === rule && other.scope === scope && other.lastUsed >= entry.lastUsed
  );
  const bytes = sum(kept.map((other) => other.bytes));
  const left = sweep.typesLeft?.find(({ type }) => type === scope) ??
    { entries: sweep.entriesLeft, bytes: sweep.bytesLeft };
  switch (rule) {
    case "max-size":
      return left.bytes + bytes;
    case "max-count":
      return left.entries + kept.length;
    case "min-free":
      return bytes;
  }
}

function countBy<T extends string>(values: readonly T[]): Partial<Record<T, number>> {
  const counts: Partial<Record<T, number>> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
