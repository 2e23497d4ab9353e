import { hasCode } from "../base/errors.ts";
import type { Digest } from "../oci/digest.ts";
import type { Manifest } from "../oci/manifest.ts";
import type { Reference } from "../oci/reference.ts";
import { Delivery } from "./installer.ts";
import { decide, failureWithCopy, isRegistryFailure, mayUseStale, notCached } from "./freshness.ts";
import type { Selection } from "./select_platforms.ts";
import type { PullerDependencies, PullObserver, PullOptions } from "./options.ts";
import type { Answer, PullResult } from "./result.ts";

/** One pull of one reference. */
export class Pull {
  readonly #deps: PullerDependencies;
  readonly #reference: Reference;
  readonly #options: PullOptions;
  readonly #delivery: Delivery;
  /** What the record says the reference stands for, if that is in the cache. */
  #known: Manifest | undefined;

  constructor(
    deps: PullerDependencies,
    reference: Reference,
    options: PullOptions,
    observer: PullObserver,
  ) {
    this.#deps = deps;
    this.#reference = reference;
    this.#options = options;
    this.#delivery = new Delivery(deps, reference, options, observer);
  }

  async run(): Promise<PullResult> {
    const { tags, name } = this.#delivery;
    const head = this.#askEarly();
    await this.#letGo(head);
    this.#delivery.record = await tags.record(this.#reference);
    await this.#letGo(head);
    const digest = this.#reference.digest ?? this.#delivery.record?.digest;
    this.#known = digest && await tags.manifest(this.#reference, digest);
    await this.#letGo(head);
    const cached = await this.#cached();
    const byDigest = this.#reference.digest !== undefined;
    switch (decide(this.#options.policy, { complete: cached !== undefined, byDigest })) {
      case "refuse":
        throw notCached(name, tags.isSpins(this.#reference));
      case "use":
        return await this.#delivery.use(cached!, "unchecked");
      case "ask":
        try {
          return await this.#delivery.bringIn(await this.#ask(head), cached);
        } catch (error) {
          return await this.#standIn(error, cached);
        }
    }
  }

  /**
   * Where the question is bound to be asked, it is on its way while the cache is looked through: that is half of
   * what an unchanged pull takes. A failure is for whoever waits for the answer.
   */
  #askEarly(): Promise<Digest | undefined> | undefined {
    const { tag, digest } = this.#reference;
    const { tags, repository } = this.#delivery;
    if (digest || this.#options.policy !== "always" || !tags.hasRecord(this.#reference)) {
      return undefined;
    }
    const head = repository.head(tag!, this.#options.signal);
    head.catch(() => {});
    return head;
  }

  /**
   * Lets a request take its next step: finding the host, connecting and sending take a turn of the event loop
   * each, and looking through the cache would hold them up.
   */
  async #letGo(request: Promise<unknown> | undefined): Promise<void> {
    if (request) await this.#deps.clock.sleep(0);
  }

  /**
   * What the cache alone makes of the reference, if all of it is there. That the cached index lacks a platform says
   * nothing of what the registry has by now; it is the last word only where the registry may not be asked.
   */
  async #cached(): Promise<Selection | undefined> {
    if (!this.#known) return undefined;
    try {
      return await this.#delivery.cached(this.#known);
    } catch (error) {
      if (hasCode(error, "LDR_NO_PLATFORM") && this.#options.policy !== "never") return undefined;
      throw error;
    }
  }

  /** Asks the registry what the reference stands for. */
  async #ask(head: Promise<Digest | undefined> | undefined): Promise<Answer> {
    const { digest, tag } = this.#reference;
    const { signal } = this.#options;
    const { repository, tags } = this.#delivery;
    const known = this.#known;
    if (digest) return this.#answer(known ?? await repository.manifest(digest, signal));
    if (known) {
      const current = await (head ?? repository.head(tag!, signal));
      const kept = current === known.digest
        ? known
        : current && await tags.manifest(this.#reference, current);
      if (kept) return this.#answer(kept);
    }
    return this.#answer(await repository.manifest(tag!, signal));
  }

  #answer(top: Manifest): Answer {
    return { top, freshness: "current", checkedAt: this.#deps.clock.now() };
  }

  /** The registry failed: the cached copy stands in if it may, otherwise the error says that there is one. */
  async #standIn(error: unknown, cached: Selection | undefined): Promise<PullResult> {
    const { record } = this.#delivery;
    if (!cached || !record || !isRegistryFailure(error)) throw error;
    const age = Math.max(0, this.#deps.clock.now() - Date.parse(record.checkedAt));
    if (!mayUseStale(age, this.#options.staleIfError)) throw failureWithCopy(error, age);
    return await this.#delivery.use(cached, "stale");
  }
}
