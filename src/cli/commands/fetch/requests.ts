import { systemClock } from "../../../base/concurrency.ts";
import { LarderError } from "../../../base/errors.ts";
import { resolvePackages } from "../../../packages/lists/resolve.ts";
import type { PackageRequest } from "../../../packages/package_request.ts";
import { type PackageNaming, requestForUrl } from "../../../packages/url_request.ts";
import type { Layout } from "../../../store/layout.ts";
import type { Context } from "../../context.ts";
import { optionConflict, optionWithoutList } from "../../errors.ts";
import { openRegistry } from "../../registry/registry_access.ts";
import { roomFor } from "../gc/auto.ts";
import { withoutCache } from "./command_packages.ts";

/** The options that decide which packages are fetched. */
export interface RequestOptions extends PackageNaming {
  /** A list of packages, or an index of a repository. */
  readonly from?: string;
  readonly keyring?: string;
  readonly frozen?: boolean;
}

/**
 * Returns the packages that a command line names: by URLs, or with `--from` by a list and the names in it.
 *
 * @param layout the cache in which indexes are kept
 * @throws LarderError LDR_USAGE, LDR_NOT_LOCKED, LDR_BAD_LOCK, and those of {@link resolvePackages}
 */
export async function requestsOf(
  context: Context,
  layout: Layout,
  words: readonly string[],
  options: RequestOptions,
): Promise<PackageRequest[]> {
  if (options.frozen) return await frozenRequests(words, options);
  const { from, keyring, arch } = options;
  if (from === undefined) return requestsForUrls(words, options);
  for (const name of ["name", "version", "source", "digest"] as const) {
    if (options[name] !== undefined) throw optionConflict("--from", `--${name}`);
  }
  const isBypassed = layout !== context.layout;
  return await resolvePackages(from, words, {
    layout,
    transport: openRegistry(context).transport,
    clock: systemClock,
    offline: context.isOffline,
    keyring,
    arch,
    room: isBypassed ? undefined : roomFor(context),
    signal: context.interruptible(),
    note: (message) => context.info(message),
  }).catch((error) => {
    throw isBypassed ? withoutCache(error) : error;
  });
}

/** Returns what `larder.lock` has for the same words, which no option overrides. */
async function frozenRequests(
  words: readonly string[],
  { from, frozen: _, ...others }: RequestOptions,
): Promise<PackageRequest[]> {
  for (const name of ["name", "version", "source", "digest", "arch", "keyring"] as const) {
    if (others[name] !== undefined) throw optionConflict("--frozen", `--${name}`);
  }
  const { frozenList, frozenPackage, frozenPackages } = await import("../../lock/frozen.ts");
  if (from !== undefined) return frozenList(from, words);
  return words.length > 0 ? words.map(frozenPackage) : frozenPackages();
}

/** @throws LarderError LDR_USAGE */
function requestsForUrls(
  urls: readonly string[],
  { name, version, arch, source, digest, keyring }: RequestOptions,
): PackageRequest[] {
  if (keyring !== undefined) throw optionWithoutList("--keyring");
  if (urls.length === 0) {
    throw new LarderError("LDR_USAGE", "no packages are named", {
      hint: "write the URLs of packages, or name a list of them with --from FILE|URL",
    });
  }
  const naming = { name, version, arch, source, digest };
  const [option] =
    Object.entries(naming).find(([key, value]) =>
      value !== undefined && key !== "source" && key !== "arch"
    ) ?? [];
  if (urls.length > 1 && option !== undefined) {
    throw new LarderError(
      "LDR_USAGE",
      `--${option} is of one package, but there are ${urls.length} URLs`,
      {
        hint: "fetch the packages one at a time, or write a list of them",
      },
    );
  }
  return urls.map((url) => requestForUrl(url, naming));
}
