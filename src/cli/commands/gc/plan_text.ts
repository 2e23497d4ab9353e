import { formatBytes, plural } from "../../../base/units.ts";
import type { DraftPlan, Plan } from "../../../gc/plan.ts";
import { shortName } from "../../../store/entry_names.ts";
import { outputWidth } from "../../terminal/console.ts";
import { agoText, sections, table } from "../../terminal/text_layout.ts";
import { fitted, keptFilesText, keptText, ruleText, unreferencedText } from "./plan_words.ts";

type Removal = Plan["remove"]["entries"][number];

const INDENT = "  ";

/** Removals that are listed of each group without `--verbose`. */
const MAX_LISTED = 20;

export interface PlanTextOptions {
  /** Milliseconds since the epoch, for relative times. */
  readonly now: number;
  /** Lists every removal, and the entries that are kept. */
  readonly verbose: boolean;
  /** Columns of the terminal, if there is one. */
  readonly width?: number | undefined;
}

/** Formats what a plan removes, grouped by rule, and in one line for each reason what it keeps. */
export function planText(plan: Plan | DraftPlan, options: PlanTextOptions): string {
  const groups = Map.groupBy(plan.remove.entries, ({ rule, scope = "" }) => `${rule} ${scope}`);
  return sections([
    ...[...groups.values()].map((removals) => groupText(removals, options)),
    otherRemovals(plan),
    keepingText(plan, options),
  ]);
}

/** Formats the entries that one rule removes, those that free most first. */
function groupText(
  removals: readonly Removal[],
  { now, verbose, width: columns }: PlanTextOptions,
): string {
  const reason = commonReason(removals.map(({ why }) => why));
  const sorted = removals.toSorted((a, b) => b.bytes - a.bytes);
  const listed = verbose ? sorted : sorted.slice(0, MAX_LISTED);
  const others = sorted.slice(listed.length);
  const sizes = listed.map(({ bytes }) => formatBytes(bytes));
  const width = Math.max("FREES".length, ...sizes.map(({ length }) => length));
  const rows = listed.map(({ stamp, type, name, why }, i) => [
    sizes[i]!.padStart(width),
    agoText(now - stamp),
    type,
    shortName(name),
    ...reason === undefined ? [why] : [],
  ]);
  const head = ["FREES".padStart(width), "LAST USED", "TYPE", "NAME"];
  const more = `… and ${others.length} more (${sumText(others)}); -v lists them\n`;
  const sum = `remove: ${plural(removals.length, "entry", "entries")}, ${sumText(removals)}`;
  return `${fitted(sum + inParentheses(ruleText(removals[0]!.rule), reason))}\n` +
    planTable(reason === undefined ? [...head, "WHY"] : head, rows, columns) +
    (others.length > 0 ? indented(more) : "");
}

/** Formats what is removed besides entries. */
function otherRemovals(plan: Plan | DraftPlan): string {
  const { partials, rubbish } = plan.remove;
  const unreferenced = unreferencedText(plan);
  const lines = [
    unreferenced,
    partials.length > 0 &&
    `${plural(partials.length, "partial download")}, ${sizeText(partials)}`,
    rubbish.length > 0 && `${plural(rubbish.length, "leftover file")}, ${sizeText(rubbish)}`,
  ];
  return lines.map((line) => line ? `remove: ${line}\n` : "").join("");
}

function keepingText(
  { keep, keptFiles }: Plan | DraftPlan,
  { now, verbose, width: columns }: PlanTextOptions,
): string {
  const files = keptFiles.map((each) => `${fitted(`keep: ${keptFilesText(each, now, verbose)}`)}\n`)
    .join("");
  if (keep.length === 0) return files;
  const sizes = keep.map(({ size }) => formatBytes(size));
  const width = Math.max(...sizes.map(({ length }) => length));
  const rows = keep.map(({ type, name, rule, why }, i) => [
    sizes[i]!.padStart(width),
    type,
    shortName(name),
    why || ruleText(rule),
  ]);
  const list = planTable(["SIZE".padStart(width), "TYPE", "NAME", "WHY"], rows, columns);
  return `${fitted(`keep: ${keptText(keep)}`)}\n${verbose ? list : ""}${files}`;
}

/** Formats a table below the line that introduces it; on a terminal its names are shortened to fit. */
function planTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  columns: number | undefined = outputWidth(),
): string {
  const width = columns === undefined ? undefined : columns - INDENT.length;
  return indented(table(head, rows, { shrink: head.indexOf("NAME"), width }));
}

/** Returns what reasons have in common: all of it, or what follows their last semicolon; undefined if nothing. */
function commonReason(reasons: readonly string[]): string | undefined {
  const first = reasons[0]!;
  if (reasons.every((reason) => reason === first)) return first;
  const at = first.lastIndexOf("; ");
  return at >= 0 && reasons.every((reason) => reason.endsWith(first.slice(at)))
    ? first.slice(at + 2)
    : undefined;
}

/** ` (max-count: least recently used; the limit is 30 entries)`; nothing if the rule needs no words. */
function inParentheses(rule: string, reason: string | undefined): string {
  const words = [rule, reason === rule ? "" : reason ?? ""].filter((text) => text !== "");
  return words.length > 0 ? ` (${words.join(": ")})` : "";
}

function sumText(removals: readonly Removal[]): string {
  return formatBytes(removals.reduce((sum, { bytes }) => sum + bytes, 0));
}

function sizeText(files: readonly { readonly size: number }[]): string {
  return formatBytes(files.reduce((sum, { size }) => sum + size, 0));
}

function indented(text: string): string {
  return text.replaceAll(/^(?=.)/gm, INDENT);
}
