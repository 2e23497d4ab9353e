import { systemClock } from "../../../base/concurrency.ts";
import { hasCode, LarderError } from "../../../base/errors.ts";
import { TRANSFERS } from "../../../base/limits.ts";
import { fetchPackages } from "../../../packages/fetch_packages.ts";
import type { PackageOptions } from "../../../packages/package_options.ts";
import type { PackageRequest, PackageResults } from "../../../packages/package_request.ts";
import { ScratchCache } from "../../../packages/scratch_cache.ts";
import { PackageStore } from "../../../store/entries/package_store.ts";
import type { Layout } from "../../../store/layout.ts";
import { Lease } from "../../../store/locks/leases.ts";
import { waitingForSweep } from "../../../store/locks/store_lock.ts";
import type { Context } from "../../context.ts";
import { openRegistry } from "../../registry/registry_access.ts";
import { sharedContentOf } from "../../registry/shared_content.ts";
import { roomFor } from "../gc/auto.ts";
import { packageProgress } from "./progress.ts";

/** The packages of one command: in the cache of the user, or in one that is removed when this is disposed of. */
export class CommandPackages implements Disposable {
  readonly #context: Context;
  readonly #scratch: ScratchCache | undefined;
  readonly #lease: Lease;
  readonly layout: Layout;

  /**
   * @param command the command that runs, as shown to a user
   * @param usesCache false with `--no-package-cache`; `storage.package_cache.enabled` counts in any case
   */
  constructor(context: Context, command: string, usesCache: boolean) {
    const isEnabled = context.config.storage?.package_cache?.enabled !== false;
    this.#context = context;
    this.#scratch = usesCache && isEnabled ? undefined : new ScratchCache();
    this.layout = this.#scratch?.layout ?? context.layout;
    this.#lease = new Lease(this.layout, command);
  }

  /** True if what is fetched stays in the cache. */
  get areKept(): boolean {
    return this.#scratch === undefined;
  }

  /** Fetches packages, or finds them in the cache. @throws LarderError as {@link fetchPackages} */
  async fetch(
    requests: readonly PackageRequest[],
    options: Partial<PackageOptions>,
  ): Promise<PackageResults> {
    const context = this.#context;
    const { transport } = openRegistry(context);
    const room = this.areKept ? roomFor(context) : undefined;
    using progress = await packageProgress(context, requests.length);
    const shared = this.areKept && !options.offline ? sharedContentOf(context) : undefined;
    const deps = { layout: this.layout, transport, clock: systemClock, room, shared };
    const outcome = await fetchPackages(requests, deps, {
      ...options,
      transfers: options.transfers ?? context.config.transfers ?? TRANSFERS,
      signal: context.interruptible(),
    }, progress);
    if (this.areKept) return outcome;
    const failures = outcome.failures.map(({ request, error }) => ({
      request,
      error: withoutCache(error),
    }));
    return { ...outcome, failures };
  }

  /** Fetches packages whose files no collector removes until this is disposed of. @throws LarderError as {@link fetch} */
  async fetchAndLease(
    requests: readonly PackageRequest[],
    options: Partial<PackageOptions>,
  ): Promise<PackageResults> {
    const context = this.#context;
    const leasing = {
      warn: (message: string) => context.warn(message),
      waiting: (holders: string) => context.info(waitingForSweep(holders)),
      signal: context.interruptible(),
    };
    const packages = new PackageStore(this.layout);
    // Before the packages are looked up, so that no sweep removes one in between.
    await this.#lease.add({ folders: requests.map(({ id }) => packages.folder(id)) }, leasing);
    const outcome = await this.fetch(requests, options);
    await this.#lease.add({ digests: outcome.results.map(({ digest }) => digest) }, leasing);
    return outcome;
  }

  [Symbol.dispose](): void {
    this.#lease.release();
    this.#scratch?.[Symbol.dispose]();
  }
}

/** Returns an error with a hint at what keeps cached packages and indexes from being found. */
export function withoutCache<T>(error: T): T | LarderError {
  if (!hasCode(error, "LDR_NOT_CACHED")) return error;
  const hint = "the package cache is bypassed: use it, or leave out --offline";
  return new LarderError("LDR_NOT_CACHED", error.message, { hint, cause: error });
}
