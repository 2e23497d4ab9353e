import { printable } from "../../../base/errors.ts";
import { formatBytes, formatDuration, plural } from "../../../base/units.ts";
import type { EntryForecast, Forecast } from "../../../gc/forecast.ts";
import { type LimitScope, scopeText } from "../../../gc/policy.ts";
import { shortDigest } from "../../../oci/digest.ts";
import type { FetchReason, HistoryEvent } from "../../../store/journal/history.ts";
import { keyOfBuild, sourceOfPackage } from "../../../store/entry_names.ts";
import { fields, localTime, sections, table } from "../../terminal/text_layout.ts";
import { ruleText } from "../gc/plan_words.ts";
import { sizeText } from "../info/text.ts";
import type { ContentReasons, EntryReasons } from "./reasons.ts";

/** Events, and entries that need content, that are listed. */
const MAX_LISTED = 10;

/**
 * Formats what keeps an entry, when gc would remove it, and its history.
 * @param isWhole false if other repositories were not read, which may share its content
 */
export function entryWhy(
  reasons: EntryReasons,
  history: readonly HistoryEvent[],
  isWhole: boolean,
): string {
  const { entry, gc } = reasons;
  const { name, type, size, unique, problem } = entry;
  return sections([
    fields([
      ["NAME", name],
      ["TYPE", type],
      ["SIZE", isWhole ? sizeText(size, unique) : formatBytes(size)],
      ["LAST USED", localTime(entry.lastUsed)],
      ["PROBLEM", problem && `${problem}; see larder verify --repair`],
      ["KEPT BY", keptByText(reasons)],
      ["GC", gcText(gc)],
    ]),
    historyText(history),
  ]);
}

/** Formats the entries that need a manifest or blob, and its history. */
export function contentWhy(reasons: ContentReasons, history: readonly HistoryEvent[]): string {
  const { digest, contents, neededBy, isInUse, isUncertain, removableAt } = reasons;
  const unreferenced = isInUse
    ? "will not remove it while it is in use"
    : isUncertain
    ? "will not remove it: what cannot be read may need it"
    : removableAt === undefined
    ? "will remove it now: nothing needs it"
    : `will remove it from ${
      localTime(removableAt)
    } on: nothing needs it, but it is younger than an hour`;
  return sections([
    fields([
      ["DIGEST", digest],
      ["SIZE", formatBytes(contents.reduce((sum, { size }) => sum + size, 0))],
      ["NEEDED BY", plural(neededBy.length, "entry", "entries")],
      ["IN USE", isInUse ? "yes" : "no"],
      ["GC", neededBy.length === 0 ? unreferenced : undefined],
    ]),
    ...neededBy.slice(0, MAX_LISTED).map(chainText),
    neededBy.length > MAX_LISTED ? `and ${neededBy.length - MAX_LISTED} more\n` : "",
    historyText(history),
  ]);
}

/** Formats the history of something that is not cached. */
export function absentWhy(name: string, history: readonly HistoryEvent[]): string {
  return sections([`${printable(name)} is not in the cache\n`, historyText(history)]);
}

/** Formats an entry and the path from it to the content. */
function chainText(reasons: ContentReasons["neededBy"][number]): string {
  const steps = reasons.chain.map(({ kind, digest, note }) =>
    `${kind} ${shortDigest(digest)}${note === undefined ? "" : ` (${note})`}`
  );
  const lines = [
    reasons.entry.name,
    ...steps.map((step, i) => `${"  ".repeat(i + 1)}${step}`),
    `  kept by: ${keptByText(reasons)}`,
    `  gc: ${gcText(reasons.gc)}`,
  ];
  return lines.map((line) => `${printable(line)}\n`).join("");
}

/** Formats everything that keeps an entry regardless of the limits. */
function keptByText({ pin, usedBy, gc }: EntryReasons): string {
  const reasons: string[] = [];
  if (pin) {
    const by = pin.pattern === undefined ? "" : ` by ${pin.pattern}`;
    reasons.push(`pinned${by}${pin.note ? `: ${pin.note}` : ""}`);
  }
  if (usedBy !== undefined) reasons.push(`in use by ${usedBy}`);
  const isListed = gc.rule === "pinned" || gc.rule === "in use" || gc.rule === "within limits";
  if (gc.action === "keep" && !isListed) reasons.push(gc.why);
  return reasons.join("; ") || "nothing";
}

function gcText({ action, rule, why, isLimited, prospects }: EntryForecast): string {
  if (action === "remove") return `will remove it now: ${why}${ruleNote(rule)}`;
  if (rule === "pinned") return "will not remove it while it is pinned";
  if (!isLimited) return "will not remove it: no limit is set";
  if (prospects.length === 0) return "will not remove it for now";
  return `will remove it ${prospects.map(prospectText).join(", or ")}`;
}

function prospectText(prospect: Forecast): string {
  switch (prospect.rule) {
    case "unused":
      return `on ${localTime(prospect.at)} unless it is used before then`;
    case "min-free":
      return `${afterPulling(prospect.bytes)} (min-free)`;
    case "max-size":
      return `${afterPulling(prospect.bytes, prospect.scope)} (max-size)`;
    case "max-count": {
      const another = plural(prospect.entries + 1, "entry", "entries");
      const verb = `${prospect.entries === 0 ? "is" : "are"} ${addedText(prospect.scope)}`;
      return `after another ${another}${ofScope(prospect.scope)} ${verb} (max-count)`;
    }
  }
}

function afterPulling(bytes: number, scope?: LimitScope): string {
  return bytes === 0
    ? `once another entry${ofScope(scope)} is ${addedText(scope)}`
    : `after another ${formatBytes(bytes)}${ofScope(scope)} are ${addedText(scope)}`;
}

/** How entries of a scope come into the cache. */
function addedText(scope: LimitScope | undefined): string {
  return scope === "package" ? "fetched" : scope === "build" ? "built" : "pulled";
}

function ofScope(scope: LimitScope | undefined): string {
  return scope === undefined ? "" : ` of ${scopeText(scope)}`;
}

function historyText(history: readonly HistoryEvent[]): string {
  if (history.length === 0) return "";
  const last = history.slice(-MAX_LISTED);
  const earlier = history.length - last.length;
  const rows = last.map((event) => [localTime(event.at), eventText(event)]);
  return table(["WHEN", earlier > 0 ? `EVENT (${earlier} earlier)` : "EVENT"], rows);
}

/** ` (max-size)`; nothing for what a user requested. */
function ruleNote(rule: string): string {
  return ruleText(rule) === "" ? "" : ` (${ruleText(rule)})`;
}

/** Describes an event, with its reason. */
export function eventText(event: HistoryEvent): string {
  switch (event.kind) {
    case "hit":
      return event.uses === 1
        ? "used from the cache"
        : `used from the cache ${event.uses} times, last ${localTime(event.last)}`;
    case "fetched":
    case "changed":
      return fetchedText(event);
    case "imported":
      return `imported from ${event.from}`;
    case "pushed":
      return `pushed to larder serve as ${shortDigest(event.digest)}`;
    case "removed":
      return `removed by larder ${event.by}: ${event.why}${ruleNote(event.rule)}`;
    case "damaged":
      return `${shortDigest(event.digest)} was damaged and removed`;
  }
}

function fetchedText(event: HistoryEvent & { kind: "fetched" | "changed" }): string {
  const { name, because, at } = event;
  const isBuild = keyOfBuild(name) !== undefined;
  const isShared = event.kind === "fetched" && event.source === "shared";
  if (isBuild && !isShared) return `built: ${buildReason(because, at)}`;
  const isPulled = !isBuild && sourceOfPackage(name) === undefined;
  const reason = isPulled ? reasonText(because, at) : untaggedReason(because, at);
  if (event.kind === "changed") return `used from the cache: ${reason}, nothing was fetched`;
  const shared = isShared ? " from the shared cache" : "";
  const from = shared + (event.mirrors ? ` by way of ${event.mirrors.join(", ")}` : "");
  return `fetched ${formatBytes(event.bytes)}${from}: ${reason}`;
}

/** Nothing if the clock was set back in between. */
function beforeText(time: number): string {
  return time < 0 ? "" : ` ${formatDuration(time)} before`;
}

/** Says why the command of a build ran. */
function buildReason(reason: FetchReason, at: number): string {
  return reason.cause === "moved" ? "--rebuild replaced the result" : untaggedReason(reason, at);
}

/** Says why a package or a build was fetched, which have no tag. */
function untaggedReason(reason: FetchReason, at: number): string {
  if (reason.cause === "never seen") return "it was not cached";
  if (reason.cause !== "moved") return reasonText(reason, at);
  return `it replaced ${reason.from ? shortDigest(reason.from) : "other content"}`;
}

function reasonText(reason: FetchReason, at: number): string {
  switch (reason.cause) {
    case "never seen":
      return "pulled for the first time";
    case "moved":
      return `the tag had moved${reason.from ? ` from ${shortDigest(reason.from)}` : ""}`;
    case "platform":
      return "another platform was requested";
    case "part":
      return "a client asked for more of it";
    case "removed":
      return `larder ${reason.by.by} had removed it${beforeText(at - reason.by.at)}`;
    case "damaged":
      return "the cached copy was damaged";
    case "deleted":
      return "its files had been deleted outside larder";
  }
}
