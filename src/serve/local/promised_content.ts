import type { Clock } from "../../base/concurrency.ts";
import type { Digest } from "../../oci/digest.ts";
import type { ServingLease } from "../blobs/serving_lease.ts";

/** One hour for which a promise holds: that of an upload, and of content that no entry needs. */
const PROMISE = 60 * 60_000;

/** Promises at a time; the oldest ends when there is one more. */
const MAX_PROMISES = 10_000;

/**
 * Content that clients were told is there: they do not upload it, and push a manifest that refers to it. Until then it
 * may be that of an entry which is removed meanwhile, so it is leased.
 */
export class PromisedContent implements Disposable {
  readonly #lease: ServingLease;
  readonly #clock: Clock;
  /** What ends each promise, the oldest first. */
  readonly #promises = new Map<Digest, () => void>();

  constructor(lease: ServingLease, clock: Clock) {
    this.#lease = lease;
    this.#clock = clock;
  }

  /** The caller must check afterwards that the content still exists. */
  async promise(digest: Digest): Promise<void> {
    this.#end(digest);
    const { ready, release } = this.#lease.hold(digest);
    const wait = new AbortController();
    this.#promises.set(digest, () => {
      wait.abort();
      release();
    });
    this.#clock.sleep(PROMISE, wait.signal).then(() => this.#end(digest), () => {});
    const [oldest] = this.#promises.keys();
    if (this.#promises.size > MAX_PROMISES) this.#end(oldest!);
    // Without a lease, the client may have to upload it after all.
    await ready.catch(() => {});
  }

  /** A manifest refers to this content from now on. */
  kept(digests: Iterable<Digest>): void {
    for (const digest of digests) this.#end(digest);
  }

  [Symbol.dispose](): void {
    for (const digest of [...this.#promises.keys()]) this.#end(digest);
  }

  #end(digest: Digest): void {
    this.#promises.get(digest)?.();
    this.#promises.delete(digest);
  }
}
