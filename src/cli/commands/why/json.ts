import type { Forecast } from "../../../gc/forecast.ts";
import type { HistoryEvent } from "../../../store/journal/history.ts";
import type { ContentReasons, EntryReasons } from "./reasons.ts";
import { happeningText } from "./text.ts";

/** What keeps an entry, as `--format json` prints it. */
export function entryWhyJson(reasons: EntryReasons, history: readonly HistoryEvent[]): object {
  const { entry } = reasons;
  return {
    type: entry.type,
    name: entry.name,
    isCached: true,
    lastUsed: timeOf(entry.lastUsed),
    problem: entry.problem ?? null,
    ...keepingJson(reasons),
    history: history.map(happeningJson),
  };
}

/** Who needs a piece of content, as `--format json` prints it. */
export function contentWhyJson(reasons: ContentReasons, history: readonly HistoryEvent[]): object {
  const { digest, contents, needed, isInUse } = reasons;
  return {
    digest,
    isCached: true,
    files: contents.map(({ path, size }) => ({ path, size })),
    inUse: isInUse,
    neededBy: needed.map((each) => ({
      type: each.entry.type,
      name: each.entry.name,
      chain: each.chain.map(({ kind, digest, note }) => ({ kind, digest, note: note ?? null })),
      ...keepingJson(each),
    })),
    history: history.map(happeningJson),
  };
}

/** What happened, with the reason in words. */
export function happeningJson(happening: HistoryEvent): object {
  return {
    ...happening,
    at: timeOf(happening.at),
    ...happening.kind === "fetched" && { because: happening.because.cause },
    text: happeningText(happening),
  };
}

function keepingJson({ pin, user, fate }: EntryReasons): object {
  return {
    pin: pin ?? null,
    usedBy: user ?? null,
    gc: { ...fate, prospects: fate.prospects.map(prospectJson) },
  };
}

function prospectJson(prospect: Forecast): object {
  return prospect.rule === "unused" ? { ...prospect, at: timeOf(prospect.at) } : prospect;
}

function timeOf(time: number): string {
  return new Date(time).toISOString();
}
