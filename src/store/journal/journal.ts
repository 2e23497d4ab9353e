import * as v from "valibot";
import { writeFileUnsynced } from "../../base/files/atomic_write.ts";
import { FILE_MODE, isStillAt, writeAll } from "../../base/files/files.ts";
import { DigestSchema } from "../../oci/descriptor.ts";
import { parseJson, TimeSchema } from "../json.ts";
import type { Layout } from "../layout.ts";
import { tryLockFile } from "../locks/file_lock.ts";
import { type FileFault, readOwnFile, setAside } from "../own_file.ts";

/** 2 MiB at which the journal is rotated; one older file is kept. */
export const JOURNAL_SIZE = 2 * 1024 * 1024;

/** 32 MiB limit on a journal that is read; one is rotated long before. */
const MAX_JOURNAL = 32 * 1024 * 1024;

/** 512 KiB of events, of about 1,000 entries, that outlive the file that they were written to. */
const MAX_REASONS = 512 * 1024;

/** Entries that the event of one sweep names. */
export const SWEEP_DETAILS = 500;

/**
 * Why an entry had to be fetched, or changed although all its content was cached: no entry of that name existed
 * (`new`), the tag had moved (`moved`), another platform was requested (`platform`), a client asked a server for a part
 * that it had not yet (`part`), or some of the same content was missing (`missing`) or damaged (`damaged`).
 */
const MISS_CAUSES = ["new", "moved", "platform", "part", "missing", "damaged"] as const;
export type MissCause = typeof MISS_CAUSES[number];

const Bytes = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Time = v.pipe(v.number(), v.finite());

const UseSchema = v.object({
  kind: v.literal("use"),
  at: TimeSchema,
  /** Name of the entry: `registry/repository:tag`. */
  name: v.string(),
  digest: DigestSchema,
  /** Number of hits in a row that a server counts in one event; absent for one. */
  uses: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1))),
  /** Absent for a cache hit. */
  cause: v.optional(v.picklist(MISS_CAUSES)),
  /** The hosts of the mirrors that answered; absent if there were none. */
  mirrors: v.optional(v.array(v.string())),
  /** Bytes of content that were fetched. */
  fetched: Bytes,
  /** Those of them that came from the shared cache; absent if there were none. */
  shared: v.optional(Bytes),
  /** Bytes of content that did not have to be fetched. */
  saved: Bytes,
});

const EvictedSchema = v.object({
  name: v.string(),
  digest: v.optional(DigestSchema),
  rule: v.string(),
  why: v.string(),
  /** The type of entries that the limit applies to, or `registry`; absent for a limit on the whole cache. */
  scope: v.optional(v.string()),
  /** Bytes that its removal freed. */
  bytes: Bytes,
  /** Milliseconds since the epoch. */
  lastUsed: Time,
});

const SweepSchema = v.object({
  kind: v.literal("sweep"),
  at: TimeSchema,
  /** The command that swept: `gc`, `gc --auto`, `clean`. */
  by: v.string(),
  /** The removed entries; the most recently used ones if there are more than {@link SWEEP_DETAILS}. */
  evicted: v.array(EvictedSchema),
  /** Number of removed entries, and bytes that were freed. */
  entries: Bytes,
  bytes: Bytes,
  /** Number of entries and bytes in the cache afterwards. */
  entriesLeft: Bytes,
  bytesLeft: Bytes,
  /** The same for each scope whose own limit removed an entry. */
  typesLeft: v.optional(v.array(v.object({ type: v.string(), entries: Bytes, bytes: Bytes }))),
});

const DamageSchema = v.object({
  kind: v.literal("damage"),
  at: TimeSchema,
  /** The content that was damaged and has been removed. */
  digest: DigestSchema,
  /** Names of the entries that refer to it. */
  names: v.array(v.string()),
});

const ImportSchema = v.object({
  kind: v.literal("import"),
  at: TimeSchema,
  /** Name of the entry. */
  name: v.string(),
  digest: DigestSchema,
  /** The bundle or file, as the user wrote it. */
  from: v.string(),
  /** Bytes of its content. */
  bytes: Bytes,
});

/** The name and content of an entry that a client of `serve` pushed or deleted. */
const PUSHED = { at: TimeSchema, name: v.string(), digest: DigestSchema };
const PushSchema = v.object({ kind: v.literal("push"), ...PUSHED });
const DeletionSchema = v.object({ kind: v.literal("deletion"), ...PUSHED });

const EventSchema = v.variant("kind", [
  UseSchema,
  SweepSchema,
  DamageSchema,
  ImportSchema,
  PushSchema,
  DeletionSchema,
]);

export type UseEvent = v.InferOutput<typeof UseSchema>;
export type SweepEvent = v.InferOutput<typeof SweepSchema>;
export type Evicted = v.InferOutput<typeof EvictedSchema>;
export type DamageEvent = v.InferOutput<typeof DamageSchema>;
export type DeletionEvent = v.InferOutput<typeof DeletionSchema>;
export type JournalEvent = v.InferOutput<typeof EventSchema>;

/**
 * Hits, fetches and removals, one line of JSON per event. `stats` counts them and `why` finds removed entries in them;
 * nothing else depends on the journal.
 *
 * It may lose events, but never delays a command: a command appends its events in one write, without waiting for a lock
 * or the disk, and drops events that cannot be written. At {@link JOURNAL_SIZE} the file replaces the older one.
 */
export class Journal {
  readonly #layout: Layout;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  /** Appends events; ignores failures. */
  append(events: readonly JournalEvent[]): void {
    if (events.length === 0) return;
    const text = formatEvents(events);
    try {
      using file = Deno.openSync(this.#layout.journal, {
        // Windows does not lock files that are only opened for appending.
        read: true,
        append: true,
        create: true,
        mode: FILE_MODE,
      });
      writeAll(file, new TextEncoder().encode(text));
      if (file.statSync().size >= JOURNAL_SIZE) this.#rotate(file);
    } catch {
      // The cache is read-only, full or deleted: no command fails because of statistics.
    }
  }

  /**
   * Returns the events of the journal and of its previous file, in the order in which they were written: a clock that
   * was wrong does not change it.
   * @param onFault called for each file that is damaged or cannot be read
   */
  read(onFault: (fault: FileFault) => void = () => {}): JournalEvent[] {
    const { olderJournal, journal } = this.#layout;
    return [olderJournal, journal].flatMap((path) => readJournal(path, onFault));
  }

  /** Returns the same, after the last fetches and removals of what was written before: see {@link lastReasons}. */
  history(onFault: (fault: FileFault) => void = () => {}): JournalEvent[] {
    return this.#layout.journals.flatMap((path) => readJournal(path, onFault));
  }

  /** Renames the journal, unless another process is doing so or has done so. */
  #rotate(file: Deno.FsFile): void {
    const { journal, olderJournal, journalReasons } = this.#layout;
    if (tryLockFile(file, true) === "busy" || !isStillAt(file, journal)) return;
    const past = [journalReasons, olderJournal].flatMap((path) => readJournal(path));
    if (past.length > 0) writeFileUnsynced(journalReasons, formatEvents(lastReasons(past)));
    Deno.renameSync(journal, olderJournal);
  }
}

/** A line break precedes each event, so that an event which a full disk cut short does not spoil the next one. */
function formatEvents(events: readonly JournalEvent[]): string {
  return events.map((event) => `\n${JSON.stringify(event)}`).join("");
}

function readJournal(path: string, onFault: (fault: FileFault) => void = () => {}): JournalEvent[] {
  const { text = "", fault } = readOwnFile(path, MAX_JOURNAL);
  if (fault) onFault(fault);
  const { events, badLines } = parseJournal(text);
  if (badLines.length > 0) onFault({ path, detail: badLinesText(badLines) });
  return events;
}

/**
 * Parses a journal.
 * @returns the events, and the numbers of lines that are none; events of a kind that only a newer larder knows, and those
 * that a full disk cut short, are neither
 */
export function parseJournal(text: string): { events: JournalEvent[]; badLines: number[] } {
  const events: JournalEvent[] = [];
  const badLines: number[] = [];
  for (const [i, line] of text.split("\n").entries()) {
    if (line === "") continue;
    const event = parseJson(EventSchema, line);
    if (event) events.push(event);
    else if (!isCutShort(line) && !isNewerKind(line)) badLines.push(i + 1);
  }
  return { events, badLines };
}

/** Rewrites a damaged journal without the lines that are no events; anything else in its place is moved away. */
export function repairJournal(path: string): void {
  const { text, fault } = readOwnFile(path, MAX_JOURNAL);
  if (fault?.error) return;
  if (text === undefined) return setAside(path);
  const bad = new Set(parseJournal(text).badLines);
  writeFileUnsynced(path, text.split("\n").filter((_, i) => !bad.has(i + 1)).join("\n"));
}

/** True if a line is the beginning of an event: a full disk or the end of a process cut it short, which is no damage. */
function isCutShort(line: string): boolean {
  return line === "{" || (line.startsWith('{"') && !line.endsWith("}"));
}

function isNewerKind(line: string): boolean {
  const kind = parseJson(v.object({ kind: v.string() }), line)?.kind;
  return kind !== undefined &&
    EventSchema.options.every((each) => each.entries.kind.literal !== kind);
}

function badLinesText([first, ...others]: readonly number[]): string {
  return others.length === 0
    ? `line ${first} is not an event`
    : `line ${first} and ${others.length} more are not events`;
}

/** Returns the event of a sweep, which names at most {@link SWEEP_DETAILS} entries: those used most recently. */
export function sweepEvent(sweep: Omit<SweepEvent, "kind" | "entries">): SweepEvent {
  const evicted = sweep.evicted.toSorted((a, b) => b.lastUsed - a.lastUsed);
  return {
    ...sweep,
    kind: "sweep",
    evicted: evicted.slice(0, SWEEP_DETAILS),
    entries: evicted.length,
  };
}

/**
 * Returns the last fetch, import or push and the last removal of each entry, oldest first, and of the newest entries only
 * if there are too many: `why` still tells the reason after so many uses that the journal was rotated twice.
 */
export function lastReasons(events: readonly JournalEvent[]): JournalEvent[] {
  const seen = new Set<string>();
  const kept: JournalEvent[] = [];
  let length = 0;
  for (const event of events.toReversed()) {
    for (const reason of reasonsIn(event)) {
      const key = reason.kind === "sweep"
        ? `removal ${reason.evicted[0]!.name}`
        : reason.kind === "deletion"
        ? `removal ${reason.name}`
        : reason.name;
      if (seen.has(key)) continue;
      seen.add(key);
      length += JSON.stringify(reason).length;
      if (length > MAX_REASONS) return kept.reverse();
      kept.push(reason);
    }
  }
  return kept.reverse();
}

/** Returns a fetch, import, push or deletion, and a removal for each entry of a sweep. */
function reasonsIn(event: JournalEvent): Exclude<JournalEvent, DamageEvent>[] {
  if (event.kind === "use") return event.cause ? [event] : [];
  if (event.kind === "damage") return [];
  if (event.kind !== "sweep") return [event];
  return event.evicted.map((evicted) => ({ ...event, evicted: [evicted] })).reverse();
}
