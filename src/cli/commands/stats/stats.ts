import { formatBytes, formatDuration, plural } from "../../../base/units.ts";
import { type LimitScope, scopeText } from "../../../gc/policy.ts";
import { Journal } from "../../../store/journal/journal.ts";
import { type Advice, type Regret, type Stats, statsOf } from "../../../store/journal/stats.ts";
import { writeJson, writeOut } from "../../terminal/console.ts";
import type { Context } from "../../context.ts";
import type { Format } from "../../options.ts";
import { fields, sections } from "../../terminal/sections.ts";
import { localTime, table } from "../../terminal/table.ts";
import { CACHES } from "../gc/policy.ts";

/** So many of the regretted evictions are listed. */
const MAX_LISTED = 10;

/** `larder stats`: hits, misses, bytes, and what should better have stayed. */
export function stats(context: Context, options: { format: Format }): void {
  const result = statsOf(new Journal(context.layout).read());
  if (options.format === "json") {
    writeJson(toJson(result));
  } else if (result.since === undefined) {
    context.info("nothing is known yet: pulls and sweeps are counted from now on");
  } else {
    writeOut(textOf(result, result.since));
  }
}

function textOf(stats: Stats, since: number): string {
  const { hits, misses, causes, fetched, saved, evictions, regrets, advice } = stats;
  const uses = hits + misses;
  return sections([
    fields([
      ["SINCE", `${localTime(since)} (${formatDuration(Date.now() - since)})`],
      ["HITS", `${hits}${uses > 0 ? ` (${Math.round(100 * hits / uses)} %)` : ""}`],
      ["MISSES", [String(misses), causesText(causes)].filter((part) => part).join(": ")],
      ["FETCHED", formatBytes(fetched)],
      ["SAVED", formatBytes(saved)],
      [
        "EVICTED",
        `${plural(evictions.entries, "entry", "entries")}, ${formatBytes(evictions.bytes)}`,
      ],
      ["REGRETTED", regretText(regrets)],
    ]),
    regrets.length > 0 ? regretTable(regrets) : "",
    advice.map((each) => `${adviceText(each)}\n`).join(""),
  ]);
}

function causesText(causes: Stats["causes"]): string {
  return Object.entries(causes).map(([cause, count]) => `${count} ${cause}`).join(", ");
}

function regretText(regrets: readonly Regret[]): string {
  if (regrets.length === 0) return "none";
  const bytes = regrets.reduce((sum, regret) => sum + regret.bytes, 0);
  return `${plural(regrets.length, "entry", "entries")}, ${
    formatBytes(bytes)
  }: fetched again soon after`;
}

function regretTable(regrets: readonly Regret[]): string {
  const last = regrets.toSorted((a, b) => b.fetchedAt - a.fetchedAt).slice(0, MAX_LISTED);
  return table(
    ["NAME", "RULE", "EVICTED", "FETCHED AGAIN", "SIZE"],
    last.map(({ name, rule, evictedAt, fetchedAt, bytes }) => [
      name,
      rule,
      localTime(evictedAt),
      `${formatDuration(fetchedAt - evictedAt)} later`,
      formatBytes(bytes),
    ]),
  );
}

/** What the user can do for it not to happen again. */
function adviceText({ rule, scope, atLeast }: Advice): string {
  if (rule === "min-free") {
    return `the disk lacked ${formatBytes(atLeast)} for them: lower gc.min_free, or move the cache`;
  }
  const limit = LIMITS[rule](atLeast);
  const what = rule === "max-count" ? plural(atLeast, "entry", "entries") : limit;
  const of = scope === undefined ? "" : ` of ${scopeText(scope as LimitScope)}`;
  return `a limit of at least ${what}${of} would have kept them: larder ${
    commandFor(rule, scope, atLeast)
  }`;
}

type Limit = Exclude<Advice["rule"], "min-free">;

/** How limits are written on the command line, and in `gc` in the config. */
const LIMITS: Readonly<Record<Limit, (atLeast: number) => string>> = {
  "max-size": roundedSize,
  "max-count": String,
  unused: (atLeast) => `${daysIn(atLeast)}d`,
};

/** The same in a group of `storage`: the key, and the number. */
const STORAGE_LIMITS: Readonly<Record<Limit, readonly [string, (atLeast: number) => number]>> = {
  "max-size": ["max_size_gb", (atLeast) => roundedUp(atLeast / 1e9)],
  "max-count": ["max_count", (atLeast) => atLeast],
  unused: ["retention_days", daysIn],
};

/** Returns the command that sets a limit: the config has none for a single type of what registries have. */
function commandFor(rule: Limit, scope: string | undefined, atLeast: number): string {
  const limit = LIMITS[rule](atLeast);
  if (scope === undefined) return `config set gc.${rule.replace("-", "_")} ${limit}`;
  const cache = (CACHES as Readonly<Record<string, string>>)[scope];
  if (cache === undefined) return `gc --${rule} ${scope}=${limit}`;
  const [key, numberOf] = STORAGE_LIMITS[rule];
  return `config set storage.${cache}.${key} ${numberOf(atLeast)}`;
}

/** Bytes as a limit is written, rounded up to two digits. */
export function roundedSize(bytes: number): string {
  return bytes >= 1e9 ? `${roundedUp(bytes / 1e9)}GB` : `${roundedUp(bytes / 1e6)}MB`;
}

/** Rounded up to two digits, and to a tenth at least. */
function roundedUp(number: number): number {
  const value = Math.max(number, 0.1);
  const step = 10 ** (Math.floor(Math.log10(value)) - 1);
  const rounded = Math.ceil(Number((value / step).toFixed(6))) * step;
  return Number(rounded.toPrecision(2));
}

function daysIn(milliseconds: number): number {
  return Math.ceil(milliseconds / 86_400_000);
}

function toJson(stats: Stats): object {
  const time = (value: number) => new Date(value).toISOString();
  return {
    ...stats,
    since: stats.since === undefined ? null : time(stats.since),
    regrets: stats.regrets.map((regret) => ({
      ...regret,
      lastUsed: time(regret.lastUsed),
      evictedAt: time(regret.evictedAt),
      fetchedAt: time(regret.fetchedAt),
    })),
  };
}
