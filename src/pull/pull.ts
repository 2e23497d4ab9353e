import { hasCode } from "../base/errors.ts";
import type { Digest } from "../oci/digest.ts";
import type { Manifest } from "../oci/manifest.ts";
import type { Reference } from "../oci/reference.ts";
import { ImageInstaller } from "./installer.ts";
import { decide, failureWithCopy, isRegistryFailure, mayUseStale, notCached } from "./freshness.ts";
import type { Selection } from "./select_platforms.ts";
import type { PullerDependencies, PullObserver, PullOptions } from "./options.ts";
import type { PullResult, ResolvedReference } from "./result.ts";

/** One pull of one reference. */
export class Pull {
  readonly #deps: PullerDependencies;
  readonly #reference: Reference;
  readonly #options: PullOptions;
  readonly #installer: ImageInstaller;
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
    this.#installer = new ImageInstaller(deps, reference, options, observer);
  }

  async run(): Promise<PullResult> {
    const { manifests, name } = this.#installer;
    const head = this.#startHead();
    await this.#yieldToNetwork(head);
    this.#installer.record = await manifests.record(this.#reference);
    await this.#yieldToNetwork(head);
    const digest = this.#reference.digest ?? this.#installer.record?.digest;
    this.#known = digest && await manifests.manifest(this.#reference, digest);
    await this.#yieldToNetwork(head);
    const cached = await this.#cached();
    const byDigest = this.#reference.digest !== undefined;
    switch (decide(this.#options.policy, { complete: cached !== undefined, byDigest })) {
      case "refuse":
        throw notCached(name, manifests.isSpinEntry(this.#reference));
      case "use":
        return await this.#installer.useCached(cached!, "unchecked");
      case "ask":
        try {
          return await this.#installer.install(await this.#resolve(head), cached);
        } catch (error) {
          return await this.#fallBackToCached(error, cached);
        }
    }
  }

  /**
   * Where the question is bound to be asked, it is on its way while the cache is looked through: that is half of
   * what an unchanged pull takes. A failure is for whoever waits for the answer.
   */
  #startHead(): Promise<Digest | undefined> | undefined {
    const { tag, digest } = this.#reference;
    const { manifests, repository } = this.#installer;
    if (digest || this.#options.policy !== "always" || !manifests.hasRecord(this.#reference)) {
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
  async #yieldToNetwork(request: Promise<unknown> | undefined): Promise<void> {
    if (request) await this.#deps.clock.sleep(0);
  }

  /**
   * What the cache alone makes of the reference, if all of it is there. That the cached index lacks a platform says
   * nothing of what the registry has by now; it is the last word only where the registry may not be asked.
   */
  async #cached(): Promise<Selection | undefined> {
    if (!this.#known) return undefined;
    try {
      return await this.#installer.cached(this.#known);
    } catch (error) {
      if (hasCode(error, "LDR_NO_PLATFORM") && this.#options.policy !== "never") return undefined;
      throw error;
    }
  }

  /** Asks the registry what the reference stands for. */
  async #resolve(head: Promise<Digest | undefined> | undefined): Promise<ResolvedReference> {
    const { digest, tag } = this.#reference;
    const { signal } = this.#options;
    const { repository, manifests } = this.#installer;
    const known = this.#known;
    if (digest) return this.#answer(known ?? await repository.manifest(digest, signal));
    if (known) {
      const current = await (head ?? repository.head(tag!, signal));
      const kept = current === known.digest
        ? known
        : current && await manifests.manifest(this.#reference, current);
      if (kept) return this.#answer(kept);
    }
    return this.#answer(await repository.manifest(tag!, signal));
  }

  #answer(top: Manifest): ResolvedReference {
    return { top, freshness: "current", checkedAt: this.#deps.clock.now() };
  }

  /** The registry failed: the cached copy stands in if it may, otherwise the error says that there is one. */
  async #fallBackToCached(error: unknown, cached: Selection | undefined): Promise<PullResult> {
    const { record } = this.#installer;
    if (!cached || !record || !isRegistryFailure(error)) throw error;
    const age = Math.max(0, this.#deps.clock.now() - Date.parse(record.checkedAt));
    if (!mayUseStale(age, this.#options.staleIfError)) throw failureWithCopy(error, age);
    return await this.#installer.useCached(cached, "stale");
  }
}
