import { systemClock } from "../../../base/concurrency.ts";
import { TRANSFERS } from "../../../base/limits.ts";
import type { ListRequest, Sources } from "../../../builds/sources.ts";
import type { BuildSpec } from "../../../builds/spec.ts";
import { parseReference } from "../../../oci/reference.ts";
import { fetchPackages } from "../../../packages/fetch_packages.ts";
import type { PackageRequest, PackageResult } from "../../../packages/package_request.ts";
import { ScratchCache } from "../../../packages/scratch_cache.ts";
import { type PullResult, useEvent } from "../../../pull/result.ts";
import { PackageStore } from "../../../store/entries/package_store.ts";
import { Journal } from "../../../store/journal/journal.ts";
import { Lease } from "../../../store/locks/leases.ts";
import { waitingForSweep } from "../../../store/locks/store_lock.ts";
import type { Context } from "../../context.ts";
import { openRegistry } from "../../registry/registry_access.ts";
import { pullProgress } from "../../terminal/progress.ts";
import { incomplete } from "../fetch/incomplete.ts";
import { packageProgress } from "../fetch/progress.ts";
import { isOffline, requestsOf } from "../fetch/requests.ts";
import { roomFor } from "../gc/auto.ts";
import { openPuller, pulledReference, pullOptions, reportPull } from "../pull/options.ts";
import type { BuildCommandOptions } from "./options.ts";

/** Gets packages and references for one build, as `larder fetch` and `larder pull` do. */
export class CommandSources implements Sources, Disposable {
  readonly #context: Context;
  readonly #command: BuildCommandOptions;
  /** Holds the packages if the cache is bypassed. */
  readonly #scratch: ScratchCache | undefined;
  readonly #lease: Lease;

  constructor(context: Context, spec: BuildSpec, command: BuildCommandOptions) {
    this.#context = context;
    this.#command = command;
    const isEnabled = context.config.storage?.package_cache?.enabled !== false;
    const usesCache = spec.usePackageCache && command.packageCache && isEnabled;
    this.#scratch = usesCache || spec.packages.length === 0 ? undefined : new ScratchCache();
    this.#lease = new Lease(this.#layout, "larder build");
  }

  async listPackages({ from, names, keyring }: ListRequest): Promise<PackageRequest[]> {
    const { frozen } = this.#command;
    // A frozen list has its keyring in the lock file.
    const options = frozen ? { from, frozen } : { from, keyring };
    return await requestsOf(this.#context, this.#layout, names, options);
  }

  async fetchPackages(wanted: readonly PackageRequest[]): Promise<readonly PackageResult[]> {
    const requests = this.#command.frozen ? await withLockedDigests(wanted) : wanted;
    const context = this.#context;
    const { config } = context;
    const layout = this.#layout;
    const packages = new PackageStore(layout);
    const signal = context.interruptible();
    const leasing = {
      warn: (message: string) => context.warn(message),
      waiting: (holders: string) => context.info(waitingForSweep(holders)),
      signal,
    };
    // Before the packages are looked up, so that no sweep removes one in between.
    await this.#lease.add({ folders: requests.map(({ id }) => packages.folder(id)) }, leasing);
    const { transport } = openRegistry(context);
    const room = this.#scratch ? undefined : roomFor(context);
    using progress = await packageProgress(context, requests.length);
    const { results, failures } = await fetchPackages(requests, {
      layout,
      transport,
      clock: systemClock,
      room,
    }, {
      transfers: this.#command.transfers ?? config.transfers ?? TRANSFERS,
      offline: isOffline(context),
      signal,
    }, progress);
    if (failures.length > 0) throw incomplete(failures, requests.length);
    await this.#lease.add({ digests: results.map(({ digest }) => digest) }, leasing);
    return results;
  }

  async pull(reference: string): Promise<PullResult> {
    const context = this.#context;
    const pulled = await pulledReference(parseReference(reference), this.#command);
    const { puller } = openPuller(context);
    using progress = pullProgress(context);
    const options = pullOptions(context, this.#command);
    const result = await puller.pull(pulled, options, progress);
    progress.end();
    reportPull(context, result);
    new Journal(context.layout).append([useEvent(result, Date.now())]);
    return result;
  }

  get #layout() {
    return this.#scratch?.layout ?? this.#context.layout;
  }

  [Symbol.dispose](): void {
    this.#lease.release();
    this.#scratch?.[Symbol.dispose]();
  }
}

/** Returns what `larder.lock` has for packages of which a spec states no digest. */
async function withLockedDigests(requests: readonly PackageRequest[]): Promise<PackageRequest[]> {
  const { frozenPackage } = await import("../../lock/frozen.ts");
  return requests.map((request) =>
    request.digest ? request : { ...request, digest: frozenPackage(request.urls[0]!).digest }
  );
}
