import type { Digest } from "../../oci/digest.ts";
import type { JournalEvent, UseEvent } from "./journal.ts";

/** Something that happened to an entry, as far as the journal goes back. Times are milliseconds since the epoch. */
export type HistoryEvent =
  | { readonly kind: "hit"; readonly at: number; readonly name: string; readonly digest: Digest }
  | {
    readonly kind: "fetched";
    readonly at: number;
    readonly name: string;
    readonly digest: Digest;
    readonly bytes: number;
    readonly because: FetchReason;
  }
  | RemovalEvent
  | { readonly kind: "damaged"; readonly at: number; readonly digest: Digest };

/** A removal by a command. */
export interface RemovalEvent {
  readonly kind: "removed";
  readonly at: number;
  readonly name: string;
  /** The command: `gc`, `gc --auto`, `clean`. */
  readonly by: string;
  readonly rule: string;
  readonly why: string;
}

/** Why something had to be fetched. */
export type FetchReason =
  | { readonly cause: "never seen" }
  /** @property from what it stood for before, where that is known */
  | { readonly cause: "moved"; readonly from: Digest | undefined }
  | { readonly cause: "platform" }
  | { readonly cause: "removed"; readonly by: RemovalEvent }
  /** @property at when a verification found that */
  | { readonly cause: "damaged"; readonly at: number | undefined }
  /** It was there, and no command of larder's is known to have removed it. */
  | { readonly cause: "deleted" };

/**
 * What the journal knows of what has a certain name or digest.
 * @param events oldest first
 * @param concerns whether a name, and a digest, are meant
 */
export function historyOf(
  events: readonly JournalEvent[],
  concerns: (name: string, digest: Digest | undefined) => boolean,
): HistoryEvent[] {
  const happenings: HistoryEvent[] = [];
  for (const event of events) {
    const at = Date.parse(event.at);
    if (event.kind === "use") {
      if (!concerns(event.name, event.digest)) continue;
      happenings.push(useOf(event, at, happenings));
    } else if (event.kind === "sweep") {
      const { by } = event;
      for (const { name, digest, rule, why } of event.evicted) {
        if (concerns(name, digest)) happenings.push({ kind: "removed", at, name, by, rule, why });
      }
    } else if (event.names.some((name) => concerns(name, undefined))) {
      happenings.push({ kind: "damaged", at, digest: event.digest });
    }
  }
  return happenings;
}

function useOf(event: UseEvent, at: number, before: readonly HistoryEvent[]): HistoryEvent {
  const { name, digest, cause, fetched } = event;
  if (!cause) return { kind: "hit", at, name, digest };
  const because = reasonOf(event, before.filter((each) => !("name" in each) || each.name === name));
  return { kind: "fetched", at, name, digest, bytes: fetched, because };
}

/** @param before what happened to what has the same name */
function reasonOf({ cause }: UseEvent, before: readonly HistoryEvent[]): FetchReason {
  const last = before.at(-1);
  switch (cause) {
    case "platform":
      return { cause };
    case "moved":
      return { cause, from: before.findLast((each) => "digest" in each && "name" in each)?.digest };
    case "damaged":
      return { cause, at: last?.kind === "damaged" ? last.at : undefined };
    default:
      if (last?.kind === "removed") return { cause: "removed", by: last };
      if (last?.kind === "damaged") return { cause: "damaged", at: last.at };
      return cause === "new" && !last ? { cause: "never seen" } : { cause: "deleted" };
  }
}
