import type { ImageManifest } from "../oci/manifest.ts";
import type { Reference } from "../oci/reference.ts";
import type { EntryRecord } from "../store/entries/app_record.ts";
import { holdsLock, waitingForSweep } from "../store/locks/store_lock.ts";
import { selectCached } from "./cached_entry.ts";
import { fetchMissing, install } from "./install.ts";
import { BlobConnections } from "./transfer/range_reader.ts";
import type { PullerDependencies, PullObserver, PullOptions } from "./options.ts";
import { pull } from "./pull.ts";
import type { PullResult } from "./result.ts";
import { withRoom } from "./room.ts";
import { openSession, type PullSession } from "./session.ts";
import { spaceRequest } from "./space_request.ts";

/** The options of a restoration; the entry's record has the others. */
export type RestoreOptions = Pick<PullOptions, "transfers" | "signal">;

/**
 * Brings references into the cache and keeps them current.
 *
 * Invariants: the registry is asked about a tag every time, by one `HEAD` request if its content is cached, and never
 * about a digest that is cached; only missing parts are fetched; an entry is published leaves first, its record last.
 */
export class Puller {
  readonly #deps: PullerDependencies;
  readonly #connections = new BlobConnections();

  constructor(deps: PullerDependencies) {
    this.#deps = deps;
  }

  /**
   * Pulls a reference.
   * @throws LarderError of every kind; nothing is published then, and partial downloads are kept for the next pull
   */
  pull(
    reference: Reference,
    options: PullOptions,
    observer: PullObserver = {},
  ): Promise<PullResult> {
    return this.#withSession(reference, options, observer, pull);
  }

  /**
   * Repairs an entry: fetches its missing parts by digest from its own repository. The tag is not resolved, and the
   * time of the last check is kept.
   *
   * @throws LarderError of every kind; parts that were fetched are kept
   */
  restore(
    reference: Reference,
    record: EntryRecord,
    options: RestoreOptions,
    observer: PullObserver = {},
  ): Promise<PullResult> {
    const { platform, allPlatforms, foreign } = record;
    const all = { ...options, platform, allPlatforms, foreign, policy: "missing" } as const;
    return this.#withSession(reference, all, observer, (session) => restore(session, record));
  }

  /** Fetches the missing layers of an entry that Spin wrote; changes none of Spin's own files. */
  restoreSpinEntry(
    reference: Reference,
    image: ImageManifest,
    options: RestoreOptions,
    observer: PullObserver = {},
  ): Promise<void> {
    const all = { ...options, policy: "missing" } as const;
    return this.#withSession(reference, all, observer, (session) => fetchMissing(session, image));
  }

  #withSession<T>(
    reference: Reference,
    options: PullOptions,
    observer: PullObserver,
    work: (session: PullSession) => Promise<T>,
  ): Promise<T> {
    const session = openSession(this.#deps, reference, options, observer, this.#connections);
    // Within another operation that holds the lock, a collector would wait for it in vain.
    session.progress.isSpaceChecked = holdsLock(this.#deps.layout);
    const note = (message: string) => observer.note?.(message);
    return withRoom(this.#deps.layout, () => work(session), {
      room: session.room,
      request: () => spaceRequest(session),
      note,
      waiting: (holders) => note(waitingForSweep(holders)),
      signal: options.signal,
    });
  }
}

async function restore(session: PullSession, record: EntryRecord): Promise<PullResult> {
  const { reference, options, manifests, repository } = session;
  const manifest = await manifests.manifest(reference, record.digest);
  const top = manifest ?? await repository.manifest(record.digest, options.signal);
  // A manifest that the cache lacks has to be published, even if all parts are there.
  const selection = manifest && await selectCached(session, manifest);
  const checkedAt = Date.parse(record.checkedAt);
  const resolved = { top, freshness: "unchecked", checkedAt } as const;
  return await install(session, { record, manifest, selection }, resolved);
}
