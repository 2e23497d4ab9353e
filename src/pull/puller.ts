import type { Reference } from "../oci/reference.ts";
import { withSharedLock } from "../store/store_lock.ts";
import type { PullObserver } from "./observer.ts";
import type { PullerDependencies, PullOptions } from "./options.ts";
import { Pull } from "./pull.ts";
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
    return withSharedLock(
      this.#deps.layout,
      () => new Pull(this.#deps, reference, options, observer).run(),
      {
        waiting: () => observer.note?.("waiting for another larder that is cleaning the cache"),
        signal: options.signal,
      },
    );
  }
}
