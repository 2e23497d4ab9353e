import { systemClock } from "../../../base/concurrency.ts";
import { LarderError } from "../../../base/errors.ts";
import { TRANSFERS } from "../../../base/limits.ts";
import { formatBytes, plural } from "../../../base/units.ts";
import { fetchPackages } from "../../../packages/fetch_packages.ts";
import type {
  PackageRequest,
  PackageResult,
  PackageResults,
} from "../../../packages/package_request.ts";
import { ScratchCache } from "../../../packages/scratch_cache.ts";
import { PackageStore } from "../../../store/entries/package_store.ts";
import type { Layout } from "../../../store/layout.ts";
import { Lease } from "../../../store/locks/leases.ts";
import { waitingForSweep } from "../../../store/locks/store_lock.ts";
import type { Context } from "../../context.ts";
import type { Format } from "../../options.ts";
import { openRegistry } from "../../registry/registry_access.ts";
import { writeJson, writeOut } from "../../terminal/console.ts";
import { collectAfterFetch, roomFor } from "../gc/auto.ts";
import { type Destination, destinationOf, hasDestination } from "./destination.ts";
import { incomplete } from "./incomplete.ts";
import { packageProgress } from "./progress.ts";
import { isOffline, type RequestOptions, requestsOf } from "./requests.ts";

export interface FetchCommandOptions extends RequestOptions {
  readonly output?: string;
  readonly to?: string;
  readonly replace?: boolean;
  /** False for `--no-package-cache`. */
  readonly packageCache: boolean;
  readonly transfers?: number;
  readonly format: Format;
}

/**
 * `larder fetch`: takes packages from the cache or fetches them, and copies them to where the user wants them. Prints
 * their paths to stdout.
 *
 * @throws LarderError LDR_USAGE, LDR_INTERRUPTED, LDR_BUSY, LDR_DISK*; the error of the package that failed, or
 * LDR_INCOMPLETE if several failed for different reasons
 */
export async function fetch(
  context: Context,
  words: readonly string[],
  command: FetchCommandOptions,
): Promise<void> {
  using scratch = usesCache(context, command) ? undefined : new ScratchCache();
  if (scratch && !hasDestination(command)) throw nothingKept(command);
  const layout = scratch?.layout ?? context.layout;
  const requests = await requestsOf(context, layout, words, command);
  const destination = destinationOf(command, requests);
  using lease = new Lease(layout, "larder fetch");
  if (destination) await leaseFolders(context, lease, layout, requests);
  const outcome = await fetchFor(context, layout, requests, command);
  const paths = destination
    ? await giveTo(destination, outcome, lease, context)
    : outcome.results.map(({ path }) => path);
  report(context, outcome);
  print(outcome.results, paths, command.format);
  const { results, failures } = outcome;
  if (!scratch && results.some(({ cause }) => cause !== undefined)) {
    await collectAfterFetch(context);
  }
  if (failures.length > 0) throw incomplete(failures, requests.length);
}

function usesCache({ config }: Context, { packageCache }: FetchCommandOptions): boolean {
  return packageCache && config.storage?.package_cache?.enabled !== false;
}

function nothingKept({ packageCache }: FetchCommandOptions): LarderError {
  const cause = packageCache ? "storage.package_cache.enabled: false" : "--no-package-cache";
  return new LarderError("LDR_USAGE", `with ${cause}, nothing would keep the packages`, {
    hint: "add --output PATH or --to DIR",
  });
}

async function fetchFor(
  context: Context,
  layout: Layout,
  requests: readonly PackageRequest[],
  command: FetchCommandOptions,
): Promise<PackageResults> {
  const { config } = context;
  const { transport } = openRegistry(context);
  const room = usesCache(context, command) ? roomFor(context) : undefined;
  using progress = await packageProgress(context, requests.length);
  return await fetchPackages(requests, { layout, transport, clock: systemClock, room }, {
    transfers: command.transfers ?? config.transfers ?? TRANSFERS,
    offline: isOffline(context),
    replace: command.replace,
    signal: context.interruptible(),
  }, progress);
}

/** Taken before the packages are looked up, so that no sweep can remove them in between. */
async function leaseFolders(
  context: Context,
  lease: Lease,
  layout: Layout,
  requests: readonly PackageRequest[],
): Promise<void> {
  const packages = new PackageStore(layout);
  await lease.add({ folders: requests.map(({ id }) => packages.folder(id)) }, leasing(context));
}

async function giveTo(
  destination: Destination,
  outcome: PackageResults,
  lease: Lease,
  context: Context,
): Promise<string[]> {
  await lease.add({ digests: outcome.results.map(({ digest }) => digest) }, leasing(context));
  return await destination(outcome, context.interruptible());
}

function leasing(context: Context) {
  return {
    warn: (message: string) => context.warn(message),
    waiting: (holders: string) => context.info(waitingForSweep(holders)),
    signal: context.interruptible(),
  };
}

/** Says how many packages were fetched and how many came from the cache. */
function report(context: Context, { results, failures }: PackageResults): void {
  const tally = (outcome: PackageResult["outcome"]) => {
    const some = results.filter((result) => result.outcome === outcome);
    const bytes = some.reduce((sum, { size }) => sum + size, 0);
    return `${plural(some.length, "package")} (${formatBytes(bytes)})`;
  };
  const isFetched = results.some(({ outcome }) => outcome === "fetched");
  if (results.length === 0) return;
  context.info(
    isFetched || failures.length > 0
      ? `fetched ${tally("fetched")}, reused ${tally("cached")}`
      : `Use packages from cache: ${tally("cached")}`,
  );
}

function print(results: readonly PackageResult[], paths: readonly string[], format: Format): void {
  if (format === "table") return paths.forEach((path) => writeOut(`${path}\n`));
  writeJson(results.map(({ request, outcome, digest, size }, i) => ({
    ...request.id,
    fileName: request.fileName,
    digest,
    size,
    outcome,
    path: paths[i] ?? null,
  })));
}
