import { DAY, formatBytes, formatDuration, plural } from "../../../base/units.ts";
import { type LimitScope, scopeText } from "../../../gc/policy.ts";
import { displayName } from "../../../store/entry_names.ts";
import { type Advice, type Regret, type Stats, statsOf } from "../../../store/journal/stats.ts";
import type { Context } from "../../context.ts";
import type { Format } from "../../options.ts";
import { writeJson, writeOut } from "../../terminal/console.ts";
import { readJournal } from "../../read_activity.ts";
import { agoText, fields, localTime, sections, table } from "../../terminal/text_layout.ts";
import { CACHES } from "../gc/policy.ts";

/** Evictions listed in the table. */
const MAX_LISTED = 10;

/** `larder stats`: prints hits, misses and bytes, and the entries that were evicted too early. */
export function stats(context: Context, options: { format: Format }): void {
  const result = statsOf(readJournal(context, "read"));
  if (options.format === "json") {
    writeJson(toJson(result));
  } else if (result.since === undefined) {
    context.info("no statistics yet: they are collected from the first pull on");
  } else {
    writeOut(textOf(result, result.since));
  }
}

function textOf(stats: Stats, since: number): string {
  const { hits, misses, causes, fetched, shared, saved, pushes, evictions, regrets, advice } =
    stats;
  const uses = hits + misses;
  return sections([
    fields([
      ["SINCE", `${localTime(since)} (${formatDuration(Math.max(0, Date.now() - since))})`],
      ["HITS", `${hits}${uses > 0 ? ` (${Math.round(100 * hits / uses)}%)` : ""}`],
      ["MISSES", [String(misses), causesText(causes)].filter((part) => part).join(": ")],
      [
        "FETCHED",
        formatBytes(fetched) + (shared > 0 ? `, ${formatBytes(shared)} of it shared` : ""),
      ],
      ["SAVED", formatBytes(saved)],
      ["PUSHED", pushes > 0 ? plural(pushes, "tag or digest", "tags and digests") : null],
      [
        "EVICTED",
        `${plural(evictions.entries, "entry", "entries")}, ${formatBytes(evictions.bytes)}`,
      ],
      ["REFETCHED", regretText(regrets)],
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
  }, within a week of eviction`;
}

function regretTable(regrets: readonly Regret[]): string {
  const last = regrets.toSorted((a, b) => b.fetchedAt - a.fetchedAt).slice(0, MAX_LISTED);
  return table(
    ["NAME", "RULE", "EVICTED", "FETCHED AGAIN", "SIZE"],
    last.map(({ name, rule, evictedAt, fetchedAt, bytes }) => [
      displayName(name),
      rule,
      agoText(Date.now() - evictedAt),
      `${formatDuration(fetchedAt - evictedAt)} later`,
      formatBytes(bytes),
    ]),
    { shrink: 0 },
  );
}

/** Advises on a limit that would have kept the entries. */
function adviceText({ rule, scope, atLeast }: Advice): string {
  if (rule === "min-free") {
    return `the disk was ${
      formatBytes(atLeast)
    } too small to keep them: lower gc.min_free, or move the cache`;
  }
  const limit = LIMITS[rule](atLeast);
  const amount = rule === "max-count" ? plural(atLeast, "entry", "entries") : limit;
  const suffix = scope === undefined ? "" : ` for ${scopeText(scope as LimitScope)}`;
  return `a limit of at least ${amount}${suffix} would have kept them: larder ${
    commandFor(rule, scope, atLeast)
  }`;
}

type Limit = Exclude<Advice["rule"], "min-free">;

/** Formats limits for the command line and for `gc` in the config. */
const LIMITS: Readonly<Record<Limit, (atLeast: number) => string>> = {
  "max-size": roundedSize,
  "max-count": String,
  unused: (atLeast) => `${daysIn(atLeast)}d`,
};

/** The key and the number of the same limits in a group of `storage`. */
const STORAGE_LIMITS: Readonly<Record<Limit, readonly [string, (atLeast: number) => number]>> = {
  "max-size": ["max_size_gb", (atLeast) => roundedUp(atLeast / 1e9)],
  "max-count": ["max_count", (atLeast) => atLeast],
  unused: ["retention_days", daysIn],
};

/** Returns the command that sets a limit; the config has none for compiled code, nor for only apps or only images. */
function commandFor(rule: Limit, scope: string | undefined, atLeast: number): string {
  const limit = LIMITS[rule](atLeast);
  if (scope === undefined) return `config set gc.${rule.replace("-", "_")} ${limit}`;
  const cache = (CACHES as Readonly<Record<string, string>>)[scope];
  if (cache === undefined) return `gc --${rule} ${scope}=${limit}`;
  const [key, numberOf] = STORAGE_LIMITS[rule];
  return `config set storage.${cache}.${key} ${numberOf(atLeast)}`;
}

/** Formats bytes as a limit, rounded up to two significant digits. */
export function roundedSize(bytes: number): string {
  return bytes >= 1e9 ? `${roundedUp(bytes / 1e9)}GB` : `${roundedUp(bytes / 1e6)}MB`;
}

/** Rounds up to two significant digits, to 0.1 at least. */
function roundedUp(number: number): number {
  const value = Math.max(number, 0.1);
  const step = 10 ** (Math.floor(Math.log10(value)) - 1);
  const rounded = Math.ceil(Number((value / step).toFixed(6))) * step;
  return Number(rounded.toPrecision(2));
}

function daysIn(milliseconds: number): number {
  return Math.ceil(milliseconds / DAY);
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
