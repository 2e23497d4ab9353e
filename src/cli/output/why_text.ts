import { formatBytes, formatDuration } from "../../base/units.ts";
import type { Link } from "../../gc/chain.ts";
import type { Fate, Prospect } from "../../gc/prospect.ts";
import { shortDigest } from "../../oci/digest.ts";
import type { Happening, Reason } from "../../store/history.ts";
import type { ContentReasons, EntryReasons } from "../reasons.ts";
import { localTime } from "./table.ts";

/** The most of a history, and of those who need something, that is shown. */
const MAX_LISTED = 10;

/** What keeps an entry, when it would go, and what happened to it. */
export function entryWhy(reasons: EntryReasons, history: readonly Happening[]): string {
  const { entry, fate } = reasons;
  const lines = [
    `${entry.name}: ${entry.type}, ${formatBytes(entry.size)}, ${
      formatBytes(entry.unique)
    } of it its own`,
    `last used  ${localTime(entry.lastUsed)}`,
    `kept by    ${keepersOf(reasons).join("; ") || "nothing"}`,
    ...gcLines(fate).map((line, i) => `${i === 0 ? "gc" : ""}`.padEnd(11) + line),
  ];
  if (entry.problem) {
    lines.push(`damaged    ${entry.problem}: larder verify --repair ${entry.name}`);
  }
  return text([...lines, ...historyLines(history)]);
}

/** Who needs a piece of content, and how each leads to it. */
export function contentWhy(reasons: ContentReasons, history: readonly Happening[]): string {
  const { digest, contents, needed, isInUse } = reasons;
  const size = contents.reduce((sum, content) => sum + content.size, 0);
  const who = needed.length === 0
    ? "no entry needs it"
    : needed.length === 1
    ? "one entry needs it"
    : `${needed.length} entries need it`;
  const lines = [`${digest}: ${formatBytes(size)}, ${who}${isInUse ? ", and it is in use" : ""}`];
  for (const each of needed.slice(0, MAX_LISTED)) {
    const keepers = keepersOf(each);
    lines.push(`${each.entry.name}${keepers.length > 0 ? ` (${keepers.join("; ")})` : ""}`);
    lines.push(...each.chain.map(linkText));
    lines.push(`  gc: ${gcLines(each.fate).join("; ")}`);
  }
  if (needed.length > MAX_LISTED) lines.push(`and ${needed.length - MAX_LISTED} more`);
  if (needed.length === 0) {
    lines.push(
      isInUse ? "gc leaves it alone as long as it is in use" : "gc takes it once it is old enough",
    );
  }
  return text([...lines, ...historyLines(history)]);
}

/** What is known of something that is not in the cache. */
export function absentText(name: string, history: readonly Happening[]): string {
  return text([`${name}: not in the cache`, ...historyLines(history)]);
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

function gcLines({ action, rule, why, isLimited, prospects }: Fate): string[] {
  if (action === "remove") return [`takes it now: ${why} (${rule})`];
  if (rule === "pinned") return ["never takes it while it is pinned"];
  if (!isLimited) return ["never takes it: no limit is set"];
  return prospects.length === 0 ? ["leaves it alone"] : prospects.map(prospectText);
}

function prospectText(prospect: Prospect): string {
  switch (prospect.rule) {
    case "unused":
      return `takes it ${localTime(prospect.at)} if it is not used before (unused)`;
    case "max-size":
    case "min-free":
      return `takes it once ${
        formatBytes(prospect.bytes)
      } more have come into the cache (${prospect.rule})`;
    case "max-count":
      return `takes it once ${prospect.entries} more entries have come (max-count)`;
  }
}

function linkText({ kind, digest, note }: Link): string {
  return `  -> ${kind} ${shortDigest(digest)}${note === undefined ? "" : ` (${note})`}`;
}

function historyLines(history: readonly Happening[]): string[] {
  if (history.length === 0) return [];
  const last = history.slice(-MAX_LISTED);
  const earlier = history.length - last.length;
  return [
    "",
    ...earlier > 0 ? [`(${earlier} earlier)`] : [],
    ...last.map((each) => `${localTime(each.at)}  ${happeningText(each)}`),
  ];
}

/** What happened, and why. */
export function happeningText(happening: Happening): string {
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

function reasonText(reason: Reason, at: number): string {
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

function text(lines: readonly string[]): string {
  return lines.map((line) => `${line.trimEnd()}\n`).join("");
}
