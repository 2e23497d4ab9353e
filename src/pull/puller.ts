import type { ImageManifest } from "../oci/manifest.ts";
import type { Reference } from "../oci/reference.ts";
import type { EntryRecord } from "../store/entries/app_record.ts";
import { WAITING_FOR_SWEEP, withSharedLock } from "../store/locks/store_lock.ts";
import type { PullerDependencies, PullObserver, PullOptions } from "./options.ts";
import { Pull } from "./pull.ts";
import { restore, type RestoreOptions, restoreSpinEntry } from "./restore.ts";
import type { PullResult } from "./result.ts";

/**
 * Brings references into the cache and keeps them current: the contract of a pull.
 *
 * A tag is asked about every time, by a HEAD where its content is known; a digest that is cached asks nothing.
 * Only what is missing is fetched. A reference is published last: blobs, manifests by digest, tag, record.
 */
export class Puller {
  readonly #deps: PullerDependencies;

  constructor(deps: PullerDependencies) {
    this.#deps = deps;
  }

  /** @throws LarderError of every kind; nothing is published then, and what came stays for the next try */
  pull(
    reference: Reference,
    options: PullOptions,
    observer: PullObserver = {},
  ): Promise<PullResult> {
    const pull = () => new Pull(this.#deps, reference, options, observer).run();
    return this.#locked(pull, options, observer);
  }

  /**
   * Makes an entry whole again: what it lacks is fetched by digest from its own repository. What its tag stands for by
   * now is not asked, and the registry counts as having confirmed it when it did.
   *
   * @throws LarderError of every kind; what could be had is kept
   */
  restore(
    reference: Reference,
    record: EntryRecord,
    options: RestoreOptions,
    observer: PullObserver = {},
  ): Promise<PullResult> {
    const work = () => restore(this.#deps, reference, record, options, observer);
    return this.#locked(work, options, observer);
  }

  /** As {@link restore}, for an entry that Spin wrote: its blobs are fetched, and nothing of Spin's is changed. */
  restoreSpinEntry(
    reference: Reference,
    image: ImageManifest,
    options: RestoreOptions,
    observer: PullObserver = {},
  ): Promise<void> {
    const work = () => restoreSpinEntry(this.#deps, reference, image, options, observer);
    return this.#locked(work, options, observer);
  }

  #locked<T>(
    work: () => Promise<T>,
    { signal }: RestoreOptions,
    observer: PullObserver,
  ): Promise<T> {
    return withSharedLock(this.#deps.layout, work, {
      waiting: () => observer.note?.(WAITING_FOR_SWEEP),
      signal,
    });
  }
}
