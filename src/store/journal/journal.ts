import * as v from "valibot";
import { FILE_MODE, isStillAt, readTextIfAny, writeAll } from "../../base/files.ts";
import { DigestSchema } from "../../oci/descriptor.ts";
import { parseJson, TimeSchema } from "../json.ts";
import type { Layout } from "../layout.ts";
import { tryLockFile } from "../locks/file_lock.ts";

/** From this size on the journal of hits, misses and sweeps begins anew; the last one is kept beside it. */
export const JOURNAL_SIZE = 2 * 1024 * 1024;

/** So many of the entries that a sweep took are named in the journal. */
export const SWEEP_DETAILS = 500;

/**
 * Why something had to be fetched: nothing of that name was there (`new`), its tag had moved (`moved`), another
 * platform was asked for (`platform`), or the same content was there no more (`missing`) or not whole (`damaged`).
 */
export const MISS_CAUSES = ["new", "moved", "platform", "missing", "damaged"] as const;
export type MissCause = typeof MISS_CAUSES[number];

const Bytes = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Time = v.pipe(v.number(), v.finite());

const UseSchema = v.object({
  kind: v.literal("use"),
  at: TimeSchema,
  /** As entries are named: `registry/repository:tag`. */
  name: v.string(),
  digest: DigestSchema,
  /** Left out for a hit: nothing had to be fetched. */
  cause: v.optional(v.picklist(MISS_CAUSES)),
  /** Bytes of content that came over the network … */
  fetched: Bytes,
  /** … and that did not have to. */
  saved: Bytes,
});

const EvictedSchema = v.object({
  name: v.string(),
  digest: v.optional(DigestSchema),
  rule: v.string(),
  why: v.string(),
  /** The type of entries that the limit is for, or `registry`; left out for a limit on the whole cache. */
  scope: v.optional(v.string()),
  /** What its removal freed. */
  bytes: Bytes,
  /** Milliseconds since the epoch. */
  lastUsed: Time,
});

const SweepSchema = v.object({
  kind: v.literal("sweep"),
  at: TimeSchema,
  /** The command that swept: `gc`, `gc --auto`, `clean`. */
  by: v.string(),
  /** The entries that went, of very many those that were used last. */
  evicted: v.array(EvictedSchema),
  /** How many went, and what that freed. */
  entries: Bytes,
  bytes: Bytes,
  /** How many stayed, and what the cache took afterwards. */
  entriesLeft: Bytes,
  bytesLeft: Bytes,
  /** The same of the scopes whose own limits took something. */
  typesLeft: v.optional(v.array(v.object({ type: v.string(), entries: Bytes, bytes: Bytes }))),
});

const DamageSchema = v.object({
  kind: v.literal("damage"),
  at: TimeSchema,
  /** What was found damaged, and was removed. */
  digest: DigestSchema,
  /** Entries that needed it. */
  names: v.array(v.string()),
});

const EventSchema = v.variant("kind", [UseSchema, SweepSchema, DamageSchema]);

export type UseEvent = v.InferOutput<typeof UseSchema>;
export type SweepEvent = v.InferOutput<typeof SweepSchema>;
export type Evicted = v.InferOutput<typeof EvictedSchema>;
export type DamageEvent = v.InferOutput<typeof DamageSchema>;
export type JournalEvent = v.InferOutput<typeof EventSchema>;

/**
 * What was hit, fetched and removed, one line of JSON an event: what `stats` counts, and where `why` finds what is no
 * more. Nothing else depends on it.
 *
 * Lossy rather than slow: a command appends all it has at once, waits for no lock and no disk, and an event that cannot
 * be written is left out. From {@link JOURNAL_SIZE} on the file takes the place of the one before it.
 */
export class Journal {
  readonly #layout: Layout;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  /** Writes events down, if that can be done. */
  append(events: readonly JournalEvent[]): void {
    if (events.length === 0) return;
    // Each line ends before it begins: what a full disk cut short does not spoil what comes after it.
    const text = events.map((event) => `\n${JSON.stringify(event)}`).join("");
    try {
      using file = Deno.openSync(this.#layout.journal, {
        // Windows locks no file that can only be appended to.
        read: true,
        append: true,
        create: true,
        mode: FILE_MODE,
      });
      writeAll(file, new TextEncoder().encode(text));
      if (file.statSync().size >= JOURNAL_SIZE) this.#rotate(file);
    } catch {
      // A cache that is read-only, full or gone: nobody is to fail for want of statistics.
    }
  }

  /**
   * All that is known, oldest first.
   * @throws LarderError LDR_DISK*, LDR_PERMISSION
   */
  read(): JournalEvent[] {
    const files = [this.#layout.olderJournal, this.#layout.journal];
    const events = files.flatMap((path) => parseJournal(readTextIfAny(path) ?? ""));
    return events.sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  }

  /** Whoever has the lock of a file that still has its name renames it; the others leave that to them. */
  #rotate(file: Deno.FsFile): void {
    const { journal, olderJournal } = this.#layout;
    if (tryLockFile(file, true) === "busy" || !isStillAt(file, journal)) return;
    Deno.renameSync(journal, olderJournal);
  }
}

/** The events of a journal; lines that are none, of a crash or of a later larder, are passed over. */
export function parseJournal(text: string): JournalEvent[] {
  return text.split("\n").flatMap((line) => {
    return line === "" ? [] : parseJson(EventSchema, line) ?? [];
  });
}

/** What a sweep has to say of itself; of very many entries only those are named that were used last. */
export function sweepEvent(
  sweep: Omit<SweepEvent, "kind" | "entries">,
): SweepEvent {
  const evicted = sweep.evicted.toSorted((a, b) => b.lastUsed - a.lastUsed);
  return {
    ...sweep,
    kind: "sweep",
    evicted: evicted.slice(0, SWEEP_DETAILS),
    entries: evicted.length,
  };
}
