import type { Digest } from "../../oci/digest.ts";
import type { JournalEvent, UseEvent } from "./journal.ts";

/** An event in the history of an entry. Times are milliseconds since the epoch. */
export type HistoryEvent =
  | {
    /** One or more uses in a row. */
    readonly kind: "hit";
    /** The time of the first use. */
    readonly at: number;
    readonly name: string;
    readonly digest: Digest;
    readonly uses: number;
    /** The time of the last use. */
    readonly last: number;
  }
  | {
    readonly kind: "fetched";
    readonly at: number;
    readonly name: string;
    readonly digest: Digest;
    readonly bytes: number;
    readonly because: FetchReason;
    /** The hosts of the mirrors that answered, if there were any. */
    readonly mirrors?: readonly string[];
    /** Set if content came from the shared cache. */
    readonly source?: "shared";
  }
  | {
    /** The entry changed, but all its content was cached. */
    readonly kind: "changed";
    readonly at: number;
    readonly name: string;
    readonly digest: Digest;
    readonly because: FetchReason;
  }
  | {
    readonly kind: "imported";
    readonly at: number;
    readonly name: string;
    readonly digest: Digest;
    /** The bundle or file. */
    readonly from: string;
  }
  | {
    /** By a client of `serve`. */
    readonly kind: "pushed";
    readonly at: number;
    readonly name: string;
    readonly digest: Digest;
  }
  | RemovalEvent
  | { readonly kind: "damaged"; readonly at: number; readonly digest: Digest };

/** The removal of an entry by a command. */
export interface RemovalEvent {
  readonly kind: "removed";
  readonly at: number;
  readonly name: string;
  /** The command: `gc`, `gc --auto`, `clean`. */
  readonly by: string;
  readonly rule: string;
  readonly why: string;
}

/** Why an entry was fetched or changed. */
export type FetchReason =
  | { readonly cause: "never seen" }
  /** The tag moved from the digest `from`, if that is known. */
  | { readonly cause: "moved"; readonly from: Digest | undefined }
  | { readonly cause: "platform" | "part" }
  | { readonly cause: "removed"; readonly by: RemovalEvent }
  /** `verify` found damage at the time `at`; undefined if a pull found it. */
  | { readonly cause: "damaged"; readonly at: number | undefined }
  /** It was cached before, and the journal has no removal by larder. */
  | { readonly cause: "deleted" };

/** How an entry was removed by a client of `serve`. */
const BY_CLIENT = { by: "serve", rule: "asked", why: "a client deleted it" } as const;

/**
 * Returns the history of the entries that `matches` selects by name and digest. Uses of the same content between two
 * other events of an entry are one event, so that many uses do not hide why it was fetched.
 * @param events events of the journal, oldest first
 */
export function historyOf(
  events: readonly JournalEvent[],
  matches: (name: string, digest: Digest | undefined) => boolean,
): HistoryEvent[] {
  const history: HistoryEvent[] = [];
  for (const event of events) {
    const at = Date.parse(event.at);
    if (event.kind === "use") {
      if (!matches(event.name, event.digest)) continue;
      if (!addToUses(history, event, at)) history.push(useOf(event, at, history));
    } else if (event.kind === "sweep") {
      const { by } = event;
      for (const { name, digest, rule, why } of event.evicted) {
        if (matches(name, digest)) history.push({ kind: "removed", at, name, by, rule, why });
      }
    } else if (event.kind === "import") {
      const { name, digest, from } = event;
      if (matches(name, digest)) history.push({ kind: "imported", at, name, digest, from });
    } else if (event.kind === "push") {
      const { name, digest } = event;
      if (matches(name, digest)) history.push({ kind: "pushed", at, name, digest });
    } else if (event.kind === "deletion") {
      const { name, digest } = event;
      if (matches(name, digest)) history.push({ kind: "removed", at, name, ...BY_CLIENT });
    } else if (event.names.some((name) => matches(name, undefined))) {
      history.push({ kind: "damaged", at, digest: event.digest });
    }
  }
  return history;
}

/** Adds a hit to the uses before it. @returns false if it is no hit, or the first since another event of the entry */
function addToUses(history: HistoryEvent[], event: UseEvent, at: number): boolean {
  if (event.cause) return false;
  const i = history.findLastIndex((each) => !("name" in each) || each.name === event.name);
  const before = history[i];
  if (before?.kind !== "hit" || before.digest !== event.digest) return false;
  history[i] = { ...before, uses: before.uses + (event.uses ?? 1), last: at };
  return true;
}

function useOf(event: UseEvent, at: number, before: readonly HistoryEvent[]): HistoryEvent {
  const { name, digest, cause, fetched, mirrors, shared, uses = 1 } = event;
  if (!cause) return { kind: "hit", at, name, digest, uses, last: at };
  const because = reasonOf(event, before.filter((each) => !("name" in each) || each.name === name));
  if (fetched === 0) return { kind: "changed", at, name, digest, because };
  const from = { ...mirrors && { mirrors }, ...shared && { source: "shared" as const } };
  return { kind: "fetched", at, name, digest, bytes: fetched, because, ...from };
}

/** @param before earlier events of the same name */
function reasonOf({ cause }: UseEvent, before: readonly HistoryEvent[]): FetchReason {
  const last = before.at(-1);
  switch (cause) {
    case "platform":
    case "part":
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
