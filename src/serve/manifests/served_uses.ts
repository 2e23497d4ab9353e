import type { Clock } from "../../base/concurrency.ts";
import type { Digest } from "../../oci/digest.ts";
import { formatReference, type Reference } from "../../oci/reference.ts";
import { Journal, type MissCause, type UseEvent } from "../../store/journal/journal.ts";
import type { Layout } from "../../store/layout.ts";
import type { RepositoryIndexes } from "./repository_index.ts";

/** A minute after which hits are written, as one event for each entry: the journal has room for 10,000 events. */
const HIT_DELAY = 60_000;

/** 5 seconds after which fetches are written, so that they are before what gc then removes. */
const FETCH_DELAY = 5_000;

/** What requests add to the uses of an entry or of a part of it. */
export interface Use {
  /** Requests for the entry. */
  readonly uses?: number;
  readonly cause?: MissCause | undefined;
  /** Bytes of manifests and blobs that were fetched. */
  readonly fetched?: number;
  /** Those of them that came from the shared cache. */
  readonly shared?: number;
  /** Bytes of blobs that clients got without a request of their own to a registry. */
  readonly saved?: number;
  /** The hosts of the mirrors that answered. */
  readonly mirrors?: readonly string[];
}

/** The uses of an entry, or of a manifest or blob, that are not written yet. */
class Pending {
  uses = 0;
  cause: MissCause | undefined;
  fetched = 0;
  shared = 0;
  saved = 0;
  readonly mirrors = new Set<string>();

  constructor(readonly reference: Reference, readonly digest: Digest, readonly since: number) {}

  add({ uses = 0, cause, fetched = 0, shared = 0, saved = 0, mirrors = [] }: Use): void {
    this.uses += uses;
    this.cause ??= cause;
    this.fetched += fetched;
    this.shared += shared;
    this.saved += saved;
    for (const mirror of mirrors) this.mirrors.add(mirror);
  }

  /** A miss, if anything was fetched or has changed, and the hits. */
  events(): UseEvent[] {
    const cause = this.cause ?? (this.fetched > 0 ? "part" : undefined);
    const { fetched, saved, digest } = this;
    const at = new Date(this.since).toISOString();
    const use = { kind: "use" as const, at, name: formatReference(this.reference), digest };
    const from = {
      ...this.mirrors.size > 0 && { mirrors: [...this.mirrors] },
      ...this.shared > 0 && { shared: this.shared },
    };
    const hits = this.uses - (cause ? 1 : 0);
    if (cause && hits <= 0) return [{ ...use, cause, ...from, fetched, saved }];
    // Clients that have the manifest ask for blobs alone.
    const hit = { ...use, ...hits > 1 && { uses: hits }, fetched: 0, saved };
    return cause ? [{ ...use, cause, ...from, fetched, saved: 0 }, hit] : [hit];
  }
}

/** Writes what is served to the journal, as pulls are, so that `stats` and `why` count it. */
export class ServedUses {
  readonly #journal: Journal;
  readonly #indexes: RepositoryIndexes;
  readonly #clock: Clock;
  #entries = new Map<string, Pending>();
  #parts = new Map<string, Pending>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** True if the timer is that of a fetch. */
  #isSoon = false;

  constructor(layout: Layout, indexes: RepositoryIndexes, clock: Clock) {
    this.#journal = new Journal(layout);
    this.#indexes = indexes;
    this.#clock = clock;
  }

  /** Notes a use of an entry. @param digest the one that the entry has now */
  add(reference: Reference, digest: Digest, use: Use): void {
    this.#add(this.#entries, reference, digest, use);
    this.#schedule(use);
  }

  /** Notes a use of a manifest or blob, which counts for an entry that has it. */
  addPart(repository: Reference, digest: Digest, use: Use): void {
    this.#add(this.#parts, { ...repository, digest }, digest, use);
    this.#schedule(use);
  }

  /** Writes what has been noted. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const parts = this.#parts;
    this.#parts = new Map();
    // A cache that cannot be read fails no request because of statistics.
    for (const part of parts.values()) await this.#addToEntry(part).catch(() => {});
    const entries = this.#entries;
    this.#entries = new Map();
    this.#journal.append([...entries.values()].flatMap((entry) => entry.events()));
  }

  /** Adds a use of a part to an entry that has it: to one that was used just now, if there are several. */
  async #addToEntry(part: Pending): Promise<void> {
    const index = this.#indexes.of(part.reference);
    const having = (await index.entriesOf(part.digest)).flatMap((reference) => {
      const digest = reference.digest ?? index.tagDigest(reference.tag!);
      return digest ? [{ reference, digest }] : [];
    });
    const used = having.find(({ reference, digest }) =>
      this.#entries.has(keyOf(reference, digest))
    );
    const entry = used ?? having[0];
    if (entry) {
      this.#add(this.#entries, entry.reference, entry.digest, {
        ...part,
        mirrors: [...part.mirrors],
      });
    }
  }

  #add(to: Map<string, Pending>, reference: Reference, digest: Digest, use: Use): void {
    const key = keyOf(reference, digest);
    let pending = to.get(key);
    if (!pending) to.set(key, pending = new Pending(reference, digest, this.#clock.now()));
    pending.add(use);
  }

  #schedule({ cause, fetched = 0 }: Use): void {
    const isSoon = cause !== undefined || fetched > 0;
    if (this.#timer !== undefined && (this.#isSoon || !isSoon)) return;
    clearTimeout(this.#timer);
    this.#isSoon = isSoon;
    this.#timer = setTimeout(() => this.flush(), isSoon ? FETCH_DELAY : HIT_DELAY);
    Deno.unrefTimer(this.#timer);
  }
}

function keyOf(reference: Reference, digest: Digest): string {
  return `${formatReference(reference)} ${digest}`;
}
