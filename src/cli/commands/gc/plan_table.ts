import { formatBytes, plural } from "../../../base/units.ts";
import type { Plan } from "../../../gc/plan.ts";
import { scopeText } from "../../../gc/policy.ts";
import { displayName } from "../../../store/entry_names.ts";
import { table } from "../../terminal/table.ts";

/** A plan as a table: each entry, what becomes of it and why. Empty for a plan without entries. */
export function planTable({ remove, keep }: Plan): string {
  const rows = [
    ...remove.entries.map((
      { name, type, rule, why, bytes },
    ) => ["remove", displayName(name), type, rule, formatBytes(bytes), why]),
    ...keep.map(({ name, type, rule, why }) => ["keep", displayName(name), type, rule, "", why]),
  ];
  if (rows.length === 0) return "";
  return table(["", "NAME", "TYPE", "RULE", "FREES", "WHY"], rows);
}

/** What a plan removes, in words: `3 entries and 1 partial download, which frees 1.20 GiB`. */
export function planSummary({ remove, bytes }: Plan): string {
  const { entries, partials, rubbish } = remove;
  const parts = [
    entries.length > 0 && plural(entries.length, "entry", "entries"),
    partials.length > 0 && plural(partials.length, "partial download"),
    rubbish.length > 0 && plural(rubbish.length, "leftover file"),
  ].filter((part) => part !== false);
  const what = parts.length > 0 ? parts.join(" and ") : "what nothing needs";
  return `${what}, which frees ${formatBytes(bytes)}`;
}

/** Each goal that cannot be met, and why, as a line. */
export function shortfallLines({ shortfalls }: Plan): string[] {
  return shortfalls.map(({ rule, type, limit, missing, kept }) => {
    const amount = rule === "max-count" ? String : formatBytes;
    const of = type ? ` for ${scopeText(type)}` : "";
    const reasons = kept.map((each) =>
      each.entries > 0
        ? `${each.rule} ${formatBytes(each.bytes)} in ${plural(each.entries, "entry", "entries")}`
        : `${each.rule} ${formatBytes(each.bytes)} that no entry needs`
    );
    return `${rule} ${amount(limit)}${of} cannot be met, it misses ${amount(missing)}: ` +
      (reasons.join("; ") || "there is nothing left to remove");
  });
}
