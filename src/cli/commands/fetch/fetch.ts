import { LarderError } from "../../../base/errors.ts";
import { formatBytes, plural } from "../../../base/units.ts";
import type { PackageResult, PackageResults } from "../../../packages/package_request.ts";
import type { Context } from "../../context.ts";
import type { Format } from "../../options.ts";
import { writeJson, writeOut } from "../../terminal/console.ts";
import { collectAfterFetch } from "../gc/auto.ts";
import { CommandPackages } from "./command_packages.ts";
import { destinationOf, hasDestination } from "./destination.ts";
import { incomplete } from "./incomplete.ts";
import { type RequestOptions, requestsOf } from "./requests.ts";

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
  const { format, replace, transfers } = command;
  using packages = new CommandPackages(context, "larder fetch", command.packageCache);
  if (!packages.areKept && !hasDestination(command)) throw nothingKept(command);
  const requests = await requestsOf(context, packages.layout, words, command);
  const destination = destinationOf(command, requests);
  const options = { transfers, replace, offline: context.isOffline };
  const outcome = destination
    ? await packages.fetchAndLease(requests, options)
    : await packages.fetch(requests, options);
  const { results, failures } = outcome;
  const paths = destination
    ? await destination(outcome, context.interruptible())
    : results.map(({ path }) => path);
  report(context, outcome);
  if (failures.length > 0 && command.to !== undefined) {
    context.info(`nothing was copied to ${command.to}`);
  }
  print(results, paths, format);
  if (packages.areKept && results.some(({ cause }) => cause !== undefined)) {
    await collectAfterFetch(context);
  }
  if (failures.length > 0) throw incomplete(failures, requests.length);
}

function nothingKept({ packageCache }: FetchCommandOptions): LarderError {
  const cause = packageCache ? "storage.package_cache.enabled: false" : "--no-package-cache";
  return new LarderError("LDR_USAGE", `with ${cause}, nothing would keep the packages`, {
    hint: "add --output PATH or --to DIR",
  });
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
      ? `fetched ${tally("fetched")}, reused ${tally("cached")}${sharedText(results)}`
      : `Use packages from cache: ${tally("cached")}`,
  );
}

/** Says that packages came from the shared cache. */
function sharedText(results: PackageResults["results"]): string {
  const fetched = results.filter(({ outcome }) => outcome === "fetched");
  const shared = fetched.filter(({ source }) => source !== undefined);
  if (shared.length === 0) return "";
  return shared.length === fetched.length ? " (shared)" : ` (shared: ${shared.length})`;
}

function print(results: readonly PackageResult[], paths: readonly string[], format: Format): void {
  if (format === "table") return paths.forEach((path) => writeOut(`${path}\n`));
  writeJson(results.map(({ request, outcome, source, digest, size }, i) => ({
    ...request.id,
    fileName: request.fileName,
    digest,
    size,
    outcome,
    ...source && { source },
    path: paths[i] ?? null,
  })));
}
