import type { ListRequest, Sources } from "../../../builds/inputs/sources.ts";
import type { BuildSpec } from "../../../builds/spec.ts";
import { parseReference } from "../../../oci/reference.ts";
import type { PackageRequest, PackageResult } from "../../../packages/package_request.ts";
import type { Puller } from "../../../pull/puller.ts";
import { type PullResult, useEvent } from "../../../pull/result.ts";
import { Journal } from "../../../store/journal/journal.ts";
import type { Context } from "../../context.ts";
import { pullProgress } from "../../terminal/progress.ts";
import { CommandPackages } from "../fetch/command_packages.ts";
import { incomplete } from "../fetch/incomplete.ts";
import { requestsOf } from "../fetch/requests.ts";
import { openPuller, pulledReference, pullOptions, reportPull } from "../pull/options.ts";
import type { BuildCommandOptions } from "./options.ts";

/** Gets packages and references for one build, as `larder fetch` and `larder pull` do. */
export class CommandSources implements Sources, Disposable {
  readonly #context: Context;
  readonly #command: BuildCommandOptions;
  readonly #packages: CommandPackages;
  /** One for all references, so that a host that fails is not asked again. */
  #puller: Puller | undefined;

  constructor(context: Context, spec: BuildSpec, command: BuildCommandOptions) {
    this.#context = context;
    this.#command = command;
    const usesCache = spec.usePackageCache && command.packageCache;
    this.#packages = new CommandPackages(context, "larder build", usesCache);
  }

  async listPackages({ from, names, keyring }: ListRequest): Promise<PackageRequest[]> {
    const { frozen } = this.#command;
    // A frozen list has its keyring in the lock file.
    const options = frozen ? { from, frozen } : { from, keyring };
    return await requestsOf(this.#context, this.#packages.layout, names, options);
  }

  async fetchPackages(wanted: readonly PackageRequest[]): Promise<readonly PackageResult[]> {
    const requests = this.#command.frozen ? await withLockedDigests(wanted) : wanted;
    const { results, failures } = await this.#packages.fetchAndLease(requests, {
      transfers: this.#command.transfers,
      offline: this.#context.isOffline,
    });
    if (failures.length > 0) throw incomplete(failures, requests.length);
    return results;
  }

  async pull(reference: string): Promise<PullResult> {
    const context = this.#context;
    const pulled = await pulledReference(parseReference(reference), this.#command);
    const puller = this.#puller ??= openPuller(context).puller;
    using progress = pullProgress(context);
    const options = pullOptions(context, this.#command);
    const result = await puller.pull(pulled, options, progress);
    progress.end();
    reportPull(context, result);
    new Journal(context.layout).append([useEvent(result, Date.now())]);
    return result;
  }

  [Symbol.dispose](): void {
    this.#packages[Symbol.dispose]();
  }
}

/** Returns what `larder.lock` has for packages of which a spec states no digest. */
async function withLockedDigests(requests: readonly PackageRequest[]): Promise<PackageRequest[]> {
  const { frozenPackage } = await import("../../lock/frozen.ts");
  return requests.map((request) =>
    request.digest ? request : { ...request, digest: frozenPackage(request.urls[0]!).digest }
  );
}
