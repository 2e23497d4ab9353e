import { printable } from "../../../base/errors.ts";
import { formatBytes, formatDuration, plural } from "../../../base/units.ts";
import type { Fate, Forecast } from "../../../gc/forecast.ts";
import { type LimitScope, scopeText } from "../../../gc/policy.ts";
import { shortDigest } from "../../../oci/digest.ts";
import type { FetchReason, HistoryEvent } from "../../../store/journal/history.ts";
import type { ContentReasons, EntryReasons } from "./reasons.ts";
import { fields, sections } from "../../terminal/sections.ts";
import { localTime, table } from "../../terminal/table.ts";

/** The most of a history, and of those who need something, that is shown. */
const MAX_LISTED = 10;

/** What keeps an entry, when it would go, and what happened to it. */
export function entryWhy(reasons: EntryReasons, history: readonly HistoryEvent[]): string {
  const { entry, fate } = reasons;
  const { name, type, size, unique, problem } = entry;
  return sections([
    fields([
      ["NAME", name],
      ["TYPE", type],
      ["SIZE", `${formatBytes(size)}, ${formatBytes(size - unique)} of it shared with others`],
      ["LAST USED", localTime(entry.lastUsed)],
      ["PROBLEM", problem && `${problem}: see larder verify --repair`],
      ["KEPT BY", keepersOf(reasons).join("; ") || "nothing"],
      ["GC", gcText(fate)],
    ]),
    historyText(history),
  ]);
}

/** Who needs a piece of content, and how each leads to it. */
export function contentWhy(reasons: ContentReasons, history: readonly HistoryEvent[]): string {
  const { digest, contents, needed, isInUse } = reasons;
  const orphan = isInUse ? "leaves it alone while it is in use" : "takes it when it is old enough";
  return sections([
    fields([
      ["DIGEST", digest],
      ["SIZE", formatBytes(contents.reduce((sum, { size }) => sum + size, 0))],
      ["NEEDED BY", plural(needed.length, "entry", "entries")],
      ["IN USE", isInUse ? "yes" : "no"],
      ["GC", needed.length === 0 ? orphan : undefined],
    ]),
    ...needed.slice(0, MAX_LISTED).map(chainText),
    needed.length > MAX_LISTED ? `and ${needed.length - MAX_LISTED} more\n` : "",
    historyText(history),
  ]);
}

/** What is known of something that is not in the cache. */
export function absentText(name: string, history: readonly HistoryEvent[]): string {
  return sections([`${printable(name)} is not in the cache\n`, historyText(history)]);
}

/** An entry, and the way from it to what it needs. */
function chainText(reasons: ContentReasons["needed"][number]): string {
  const links = reasons.chain.map(({ kind, digest, note }) =>
    `${kind} ${shortDigest(digest)}${note === undefined ? "" : ` (${note})`}`
  );
  const lines = [
    reasons.entry.name,
    ...links.map((link, i) => `${"  ".repeat(i + 1)}${link}`),
    `  kept by: ${keepersOf(reasons).join("; ") || "nothing"}`,
    `  gc: ${gcText(reasons.fate)}`,
  ];
  return lines.map((line) => `${printable(line)}\n`).join("");
}

/** What holds an entry, whatever the limits. */
function keepersOf({ pin, user, fate }: EntryReasons): string[] {
  const keepers: string[] = [];
  if (pin) {
    const by = pin.pattern === undefined ? "" : ` by ${pin.pattern}`;
    keepers.push(`pinned${by}${pin.note ? `: ${pin.note}` : ""}`);
  }
  if (user !== undefined) keepers.push(`in use by ${user}`);
  const isSaid = fate.rule === "pinned" || fate.rule === "in use" || fate.rule === "within limits";
  if (fate.action === "keep" && !isSaid) keepers.push(fate.why);
  return keepers;
}

function gcText({ action, rule, why, isLimited, prospects }: Fate): string {
  if (action === "remove") return `takes it now: ${why} (${rule})`;
  if (rule === "pinned") return "never takes it while it is pinned";
  if (!isLimited) return "never takes it: no limit is set";
  if (prospects.length === 0) return "leaves it alone for now";
  return `takes it ${prospects.map(prospectText).join("; or ")}`;
}

function prospectText(prospect: Forecast): string {
  switch (prospect.rule) {
    case "unused":
      return `on ${localTime(prospect.at)} if nobody uses it before (unused)`;
    case "min-free":
      return `once more than ${formatBytes(prospect.bytes)} have come (min-free)`;
    case "max-size":
      return `once more than ${formatBytes(prospect.bytes)}${
        ofScope(prospect)
      } have come (max-size)`;
    case "max-count":
      return `once more than ${prospect.entries} other entries${
        ofScope(prospect)
      } have come (max-count)`;
  }
}

/** What alone counts, if it is not all that comes. */
function ofScope({ scope }: { readonly scope?: LimitScope }): string {
  return scope === undefined ? "" : ` of ${scopeText(scope)}`;
}

function historyText(history: readonly HistoryEvent[]): string {
  if (history.length === 0) return "";
  const last = history.slice(-MAX_LISTED);
  const rows = last.map((each) => [localTime(each.at), happeningText(each)]);
  const earlier = history.length - last.length;
  return table(["WHEN", earlier > 0 ? `WHAT, after ${earlier} others` : "WHAT"], rows);
}

/** What happened, and why. */
export function happeningText(happening: HistoryEvent): string {
  switch (happening.kind) {
    case "hit":
      return "used from the cache";
    case "fetched":
      return `fetched ${formatBytes(happening.bytes)}: ${
        reasonText(happening.because, happening.at)
      }`;
    case "removed":
      return `removed by larder ${happening.by}: ${happening.why} (${happening.rule})`;
    case "damaged":
      return `${shortDigest(happening.digest)} was damaged and removed`;
  }
}

function reasonText(reason: FetchReason, at: number): string {
  switch (reason.cause) {
    case "never seen":
      return "it was not known before";
    case "moved":
      return `the tag had moved${reason.from ? ` from ${shortDigest(reason.from)}` : ""}`;
    case "platform":
      return "another platform was asked for";
    case "removed":
      return `larder ${reason.by.by} had removed it ${formatDuration(at - reason.by.at)} before`;
    case "damaged":
      return "it was damaged";
    case "deleted":
      return "somebody had deleted it";
  }
}
