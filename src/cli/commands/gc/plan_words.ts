import { formatBytes, formatDuration, formatLimit, plural } from "../../../base/units.ts";
import type { CurrentPlan } from "../../../gc/sweep/current_plan.ts";
import type { DraftPlan, Plan, PlannedKeptFiles } from "../../../gc/plan.ts";
import { scopeText } from "../../../gc/policy.ts";
import { shortName } from "../../../store/entry_names.ts";
import { enumerate, localTime } from "../../terminal/text_layout.ts";

const MINUTE = 60_000;

type Shortfall = Plan["shortfalls"][number];
type KeptShare = Shortfall["kept"][number];

const UNKNOWN = "may be needed by what cannot be read";

/** Rules whose names are not plain words, or need none. Limits have the name of their option. */
const RULES: Readonly<Record<string, string>> = {
  asked: "",
  young: "used within the last hour",
  "keep-last": "kept by keep-last",
  pushed: "pushed, and in no registry",
  shared: "shared with kept entries",
  unknown: UNKNOWN,
  "within limits": "not over a limit",
};

/** Columns of a line, in pipes too. */
const WIDTH = 80;

/** Moves the parentheses of a line that is too long to a line of their own. */
export function fitted(line: string): string {
  return line.length > WIDTH ? line.replace(" (", "\n  (") : line;
}

/** Returns a rule in words. */
export function ruleText(rule: string): string {
  return RULES[rule] ?? rule;
}

/** `3 entries and 1 partial download (frees 1.20 GiB)`. */
export function planSummary(plan: Plan | DraftPlan): string {
  const { entries, partials, rubbish } = plan.remove;
  const parts = [
    entries.length > 0 && plural(entries.length, "entry", "entries"),
    unreferencedBytes(plan) > 0 && "unreferenced blobs",
    partials.length > 0 && plural(partials.length, "partial download"),
    rubbish.length > 0 && plural(rubbish.length, "leftover file"),
  ].filter((part) => part !== false);
  return `${enumerate(parts) || "unreferenced blobs"} (frees ${formatBytes(plan.bytes)})`;
}

/** `4 unreferenced blobs and manifests, 1.20 GiB`; undefined if the plan removes none besides those of entries. */
export function unreferencedText(plan: Plan | DraftPlan): string | undefined {
  const { entries, contents } = plan.remove;
  const bytes = unreferencedBytes(plan);
  // A plan does not tell its unreferenced content from that of the entries.
  if (entries.length > 0) {
    return bytes > 0 ? `unreferenced blobs and manifests, ${formatBytes(bytes)}` : undefined;
  }
  return contents.length > 0
    ? `${contentCount(contents.length)}, ${formatBytes(bytes)}`
    : undefined;
}

/** `30 entries (29 not over a limit, 1 pinned)`. */
export function keptText(keep: Plan["keep"]): string {
  const byRule = [...Map.groupBy(keep, ({ rule }) => rule)].map((
    [rule, entries],
  ) => [ruleText(rule), entries.length] as const).sort((a, b) => b[1] - a[1]);
  const reasons = byRule.length === 1
    ? byRule[0]![0]
    : byRule.map(([text, count]) => `${count} ${text}`).join(", ");
  return `${plural(keep.length, "entry", "entries")} (${reasons})`;
}

/**
 * `4 unreferenced blobs and manifests, 28 B (younger than an hour; gc removes them in 35m)`.
 * @param isExact adds the time on the clock
 */
export function keptFilesText(files: PlannedKeptFiles, now: number, isExact: boolean): string {
  const { kind, rule, count, bytes } = files;
  const subject = kind === "contents"
    ? contentCount(count)
    : plural(count, kind === "partials" ? "partial download" : "leftover file");
  const reason = rule === "in use" || rule === "unknown"
    ? ruleText(rule)
    : `${kind === "partials" ? "for a later pull" : "younger than an hour"}; ${
      removalText(files, now, isExact)
    }`;
  return `${subject}, ${formatBytes(bytes)} (${reason})`;
}

/**
 * Returns lines about what of an earlier plan no longer holds: one in all, or one for each entry.
 * @param isFull names the entries
 */
export function leftOutLines(
  { leftOut, filesLeftOut }: Pick<CurrentPlan, "leftOut" | "filesLeftOut">,
  isFull: boolean,
): string[] {
  if (isFull) return leftOut.map(({ name, why }) => `left out ${shortName(name)}: ${why}`);
  if (leftOut.length > 0) {
    const reasons = [...Map.groupBy(leftOut, ({ why }) => why)]
      .map(([why, entries]) => `${entries.length} ${why}`);
    const which = plural(leftOut.length, "entry", "entries");
    return [`left out ${which} of the plan: ${enumerate(reasons)}`];
  }
  if (filesLeftOut === 0) return [];
  return [`left out ${plural(filesLeftOut, "file")} of the plan: gone, written since or needed`];
}

/** Returns a line for each limit that cannot be reached, with what prevents it. */
export function shortfallLines({ shortfalls }: Plan | DraftPlan): string[] {
  return shortfalls.map((shortfall) => {
    const { rule, type, limit, missing, kept } = shortfall;
    const scope = type ? ` for ${scopeText(type)}` : "";
    const goal = `${rule} ${rule === "max-count" ? limit : formatLimit(limit)}${scope}`;
    const reasons = kept.map(keptShareText).join(", ") || "nothing else can be removed";
    return `cannot reach ${goal}: still ${missingText(rule, missing)}; ${reasons}`;
  });
}

/** `gc removes them in 35m`, or `gc removes the first in 5m, the last in 35m`. */
function removalText(
  { count, from, until }: PlannedKeptFiles,
  now: number,
  isExact: boolean,
): string {
  const [first, last] = [from, until].map((time) => {
    const at = Date.parse(time!);
    const minutes = Math.max(1, Math.ceil((at - now) / MINUTE));
    return `in ${formatDuration(minutes * MINUTE)}${isExact ? ` (${localTime(at)})` : ""}`;
  });
  if (first === last) return `gc removes ${count === 1 ? "it" : "them"} ${last}`;
  return `gc removes the first ${first}, the last ${last}`;
}

/** Returns the bytes that a plan frees besides its entries, downloads and leftover files. */
function unreferencedBytes({ bytes, remove }: Plan | DraftPlan): number {
  const { entries, partials, rubbish } = remove;
  const others = [...partials, ...rubbish].reduce((sum, { size }) => sum + size, 0);
  return bytes - others - entries.reduce((sum, entry) => sum + entry.bytes, 0);
}

function contentCount(count: number): string {
  return plural(count, "unreferenced blob or manifest", "unreferenced blobs and manifests");
}

function missingText(rule: Shortfall["rule"], missing: number): string {
  switch (rule) {
    case "max-count":
      return `${plural(missing, "entry", "entries")} over`;
    case "min-free":
      return `${formatBytes(missing)} short`;
    default:
      return `${formatBytes(missing)} over`;
  }
}

/** `32 entries (13.14 MiB) were used within the last hour`, the grace age. */
function keptShareText({ rule, entries, bytes }: KeptShare): string {
  const size = formatBytes(bytes);
  const isPlural = entries > 1;
  const subject = entries === 0
    ? `${size} of unreferenced content`
    : `${plural(entries, "entry", "entries")} (${size})`;
  switch (rule) {
    case "young":
      return `${subject} ${isPlural ? "were" : "was"} ${
        entries === 0 ? "written" : "used"
      } within the last hour`;
    case "keep-last":
      return `${subject} ${isPlural ? "are" : "is"} kept by keep-last`;
    case "unknown":
      return `${subject} ${UNKNOWN}`;
    default:
      return `${subject} ${isPlural ? "are" : "is"} ${rule}`;
  }
}
