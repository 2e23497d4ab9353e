import type { Evicted, JournalEvent, MissCause, SweepEvent, UseEvent } from "./journal.ts";

/** What is fetched again so soon after a sweep took it should have stayed. */
export const REGRET_AGE = 7 * 24 * 60 * 60_000;

/** What the journal says of how well the cache does. Sizes are bytes. */
export interface Stats {
  /** When the oldest event was, in milliseconds since the epoch; undefined where there is none. */
  readonly since: number | undefined;
  readonly hits: number;
  readonly misses: number;
  readonly causes: Readonly<Partial<Record<MissCause, number>>>;
  readonly fetched: number;
  readonly saved: number;
  /** What collectors took by their own rules, not what a user named. */
  readonly evictions: { readonly entries: number; readonly bytes: number };
  readonly regrets: readonly Regret[];
  readonly advice: readonly Advice[];
}

/** An entry that was fetched again soon after a collector took it. */
export interface Regret {
  readonly name: string;
  readonly rule: string;
  /** What its removal freed. */
  readonly bytes: number;
  /** Milliseconds since the epoch. */
  readonly lastUsed: number;
  readonly evictedAt: number;
  readonly fetchedAt: number;
}

/** The least that a limit has to be for nothing that was regretted to have gone. */
export interface Advice {
  readonly rule: "max-size" | "max-count" | "unused" | "min-free";
  /** The type of entries that the limit is for, or `registry`; undefined for a limit on the whole cache. */
  readonly scope: string | undefined;
  /**
   * `max-size`: bytes; `max-count`: entries; `unused`: milliseconds; `min-free`: bytes that the disk lacks, since
   * they have to stay free.
   */
  readonly atLeast: number;
}

/** An eviction, the sweep that it was part of, and when its content was fetched again. */
interface Regretted {
  readonly entry: Evicted;
  readonly sweep: SweepEvent;
  readonly fetchedAt: number;
}

/** The rules of a policy; `asked` and `damaged` are none. */
const LIMITS: ReadonlySet<string> = new Set(["max-size", "max-count", "unused", "min-free"]);

/** Reckons up a journal. @param events oldest first */
export function statsOf(events: readonly JournalEvent[]): Stats {
  const uses = events.filter((event) => event.kind === "use");
  const sweeps = events.filter((event) => event.kind === "sweep");
  const misses = uses.filter(({ cause }) => cause !== undefined);
  const evictions = sweeps.filter(isByPolicy);
  const regretted = regrets(sweeps, misses);
  return {
    since: events[0] && Date.parse(events[0].at),
    hits: uses.length - misses.length,
    misses: misses.length,
    causes: countBy(misses.map(({ cause }) => cause!)),
    fetched: sum(uses.map(({ fetched }) => fetched)),
    saved: sum(uses.map(({ saved }) => saved)),
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

/** Whether a sweep went by a policy, rather than by what a user named. */
function isByPolicy({ evicted }: SweepEvent): boolean {
  return evicted.some(({ rule }) => rule !== "asked");
}

/** What was evicted and had to be fetched again, the same content, within {@link REGRET_AGE}. */
function regrets(sweeps: readonly SweepEvent[], misses: readonly UseEvent[]): Regretted[] {
  const byDigest = Map.groupBy(misses, ({ digest }) => digest);
  return sweeps.flatMap((sweep) => {
    const sweptAt = Date.parse(sweep.at);
    return sweep.evicted.flatMap((entry) => {
      if (!LIMITS.has(entry.rule) || !entry.digest) return [];
      const again = byDigest.get(entry.digest)?.map(({ at }) => Date.parse(at))
        .find((at) => at >= sweptAt);
      if (again === undefined || again - sweptAt > REGRET_AGE) return [];
      return [{ entry, sweep, fetchedAt: again }];
    });
  });
}

/**
 * What is used least recently goes first, so an entry stays only if all stay that were used after it: the limit has to
 * have room for these too.
 */
function adviceFor(regretted: readonly Regretted[]): Advice[] {
  const advice = new Map<string, Advice>();
  for (const one of regretted) {
    const { rule, scope } = one.entry;
    if (!isLimit(rule)) continue;
    const key = `${rule} ${scope}`;
    const atLeast = Math.max(advice.get(key)?.atLeast ?? 0, leastFor(rule, one));
    advice.set(key, { rule, scope, atLeast });
  }
  return [...advice.values()];
}

function isLimit(rule: string): rule is Advice["rule"] {
  return LIMITS.has(rule);
}

function leastFor(rule: Advice["rule"], { entry, sweep, fetchedAt }: Regretted): number {
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
