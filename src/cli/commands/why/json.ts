import type { Forecast } from "../../../gc/forecast.ts";
import type { HistoryEvent } from "../../../store/journal/history.ts";
import type { ContentReasons, EntryReasons } from "./reasons.ts";
import { eventText } from "./text.ts";

/** Returns what keeps an entry, for `--format json`. */
export function entryWhyJson(reasons: EntryReasons, history: readonly HistoryEvent[]): object {
  const { entry } = reasons;
  return {
    type: entry.type,
    name: entry.name,
    isCached: true,
    lastUsed: isoTime(entry.lastUsed),
    problem: entry.problem ?? null,
    ...keepingJson(reasons),
    history: history.map(eventJson),
  };
}

/** Returns what keeps a manifest or blob, for `--format json`. */
export function contentWhyJson(reasons: ContentReasons, history: readonly HistoryEvent[]): object {
  const { digest, contents, neededBy, isInUse, removableAt } = reasons;
  return {
    digest,
    isCached: true,
    files: contents.map(({ path, size }) => ({ path, size })),
    inUse: isInUse,
    removableAt: removableAt === undefined ? null : isoTime(removableAt),
    neededBy: neededBy.map((each) => ({
      type: each.entry.type,
      name: each.entry.name,
      chain: each.chain.map(({ kind, digest, note }) => ({ kind, digest, note: note ?? null })),
      ...keepingJson(each),
    })),
    history: history.map(eventJson),
  };
}

/** Returns the history of something that is not cached, for `--format json`. */
export function absentWhyJson(name: string, history: readonly HistoryEvent[]): object {
  return { name, isCached: false, history: history.map(eventJson) };
}

function eventJson(event: HistoryEvent): object {
  return {
    ...event,
    at: isoTime(event.at),
    ...event.kind === "hit" && { last: isoTime(event.last) },
    ..."because" in event && { because: event.because.cause },
    text: eventText(event),
  };
}

function keepingJson({ pin, usedBy, gc }: EntryReasons): object {
  return {
    pin: pin ?? null,
    usedBy: usedBy ?? null,
    gc: { ...gc, prospects: gc.prospects.map(prospectJson) },
  };
}

function prospectJson(prospect: Forecast): object {
  return prospect.rule === "unused" ? { ...prospect, at: isoTime(prospect.at) } : prospect;
}

function isoTime(time: number): string {
  return new Date(time).toISOString();
}
