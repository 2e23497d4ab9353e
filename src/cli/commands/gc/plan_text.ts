import { formatBytes, formatLimit, plural } from "../../../base/units.ts";
import type { DraftPlan, Plan } from "../../../gc/plan.ts";
import { scopeText } from "../../../gc/policy.ts";
import { displayName } from "../../../store/entry_names.ts";
import { enumerate, table } from "../../terminal/text_layout.ts";

type Shortfall = Plan["shortfalls"][number];
type KeptShare = Shortfall["kept"][number];

/** Formats a plan as a table: each entry, what happens to it, and why. Empty for a plan without entries. */
export function planTable({ remove, keep }: Plan | DraftPlan): string {
  const rows = [
    ...remove.entries.map((
      { name, type, rule, why, bytes },
    ) => ["remove", displayName(name), type, rule, formatBytes(bytes), why]),
    ...keep.map(({ name, type, rule, why }) => ["keep", displayName(name), type, rule, "", why]),
  ];
  if (rows.length === 0) return "";
  return table(["", "NAME", "TYPE", "RULE", "FREES", "WHY"], rows);
}

/** `3 entries and 1 partial download (frees 1.20 GiB)`. */
export function planSummary({ remove, bytes }: Plan | DraftPlan): string {
  const { entries, partials, rubbish } = remove;
  const parts = [
    entries.length > 0 && plural(entries.length, "entry", "entries"),
    partials.length > 0 && plural(partials.length, "partial download"),
    rubbish.length > 0 && plural(rubbish.length, "leftover file"),
  ].filter((part) => part !== false);
  return `${enumerate(parts) || "unreferenced blobs"} (frees ${formatBytes(bytes)})`;
}

/** Returns a line for each limit that cannot be reached, with what prevents it. */
export function shortfallLines({ shortfalls }: Plan | DraftPlan): string[] {
  return shortfalls.map((shortfall) => {
    const { rule, type, limit, missing, kept } = shortfall;
    const scope = type ? ` for ${scopeText(type)}` : "";
    const goal = `${rule} ${rule === "max-count" ? limit : formatLimit(limit)}${scope}`;
    const reasons = kept.map(keptText).join(", ") || "nothing else can be removed";
    return `cannot reach ${goal}: still ${missingText(rule, missing)}; ${reasons}`;
  });
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
function keptText({ rule, entries, bytes }: KeptShare): string {
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
    default:
      return `${subject} ${isPlural ? "are" : "is"} ${rule}`;
  }
}
