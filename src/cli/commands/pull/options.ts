import { systemClock } from "../../../base/concurrency.ts";
import { TRANSFERS } from "../../../base/limits.ts";
import { formatBytes, formatDuration, plural } from "../../../base/units.ts";
import { shortDigest } from "../../../oci/digest.ts";
import { formatPlatform, parsePlatform } from "../../../oci/platform.ts";
import { isLocal, parseReference, type Reference } from "../../../oci/reference.ts";
import type { PullPolicy } from "../../../pull/freshness.ts";
import type { PullOptions } from "../../../pull/options.ts";
import { Puller } from "../../../pull/puller.ts";
import { bytesOf, type PartResult, type PullResult, sharedBytesOf } from "../../../pull/result.ts";
import type { RegistryClient } from "../../../registry/client.ts";
import type { Transport } from "../../../registry/http/transport.ts";
import { NEVER_CHECKED } from "../../../store/entries/app_record.ts";
import type { Context } from "../../context.ts";
import { optionConflict } from "../../errors.ts";
import { roomFor } from "../gc/auto.ts";
import { openRegistry } from "../../registry/registry_access.ts";
import { sharedContentOf } from "../../registry/shared_content.ts";

/** The options of every command that pulls. */
export interface PullingOptions {
  readonly policy?: PullPolicy;
  readonly staleIfError?: number;
  readonly platform?: string;
  readonly allPlatforms?: boolean;
  readonly foreign?: boolean;
  readonly transfers?: number;
  readonly frozen?: boolean | undefined;
}

/** Opens a puller into the user's cache, with its registry client and transport. */
export function openPuller(
  context: Context,
): { puller: Puller; client: RegistryClient; transport: Transport } {
  const { client, transport } = openRegistry(context);
  const { layout } = context;
  const puller = new Puller({
    layout,
    client,
    transport,
    clock: systemClock,
    room: roomFor(context),
    shared: sharedContentOf(context),
  });
  return { puller, client, transport };
}

/**
 * Combines the command line and the config.
 * @throws LarderError LDR_USAGE if options contradict each other, LDR_BAD_REFERENCE for a malformed platform
 */
export function pullOptions(context: Context, command: PullingOptions): PullOptions {
  const { freshness, transfers } = context.config;
  if (command.platform && command.allPlatforms) {
    throw optionConflict("--platform", "--all-platforms");
  }
  if (context.options.offline && command.policy && command.policy !== "never") {
    throw optionConflict("--offline", `--policy ${command.policy}`);
  }
  return {
    policy: context.options.offline ? "never" : command.policy ?? freshness?.policy ?? "always",
    staleIfError: command.staleIfError ?? freshness?.stale_if_error,
    platform: command.platform ? parsePlatform(command.platform) : undefined,
    allPlatforms: command.allPlatforms,
    foreign: command.foreign,
    transfers: command.transfers ?? transfers ?? TRANSFERS,
    signal: context.interruptible(),
  };
}

/**
 * Returns what a command pulls for a reference: with `--frozen`, the digest that `larder.lock` has for it.
 * @throws LarderError LDR_NOT_LOCKED, LDR_BAD_LOCK
 */
export async function pulledReference(
  reference: Reference,
  { frozen }: PullingOptions,
): Promise<Reference> {
  if (!frozen) return reference;
  const { frozenReference } = await import("../../lock/frozen.ts");
  return frozenReference(reference);
}

/** Prints whether the content was fetched or reused. */
export function reportPull(context: Context, result: PullResult): void {
  const name = result.reference;
  const tally = tallyOf(result.parts);
  const skipped = result.parts.filter((part) => part.outcome === "skipped");
  for (const { digest, size } of skipped) {
    context.info(`skipped foreign layer ${digest} (${formatBytes(size)}); --foreign fetches it`);
  }
  const platform = platformText(result);
  const age = formatDuration(Date.now() - result.checkedAt);
  const checked = isLocal(parseReference(name))
    ? "in no registry"
    : result.checkedAt === NEVER_CHECKED
    ? "imported and never checked"
    : `last checked ${age} ago`;
  switch (result.freshness) {
    case "fetched":
      context.info(
        `${name}: fetched ${tally.fetched}, reused ${tally.reused}` +
          (platform ? `, for ${platform}` : "") + sharedText(result) + mirrorText(result),
      );
      break;
    case "current":
      context.info(
        `Use ${result.kind} from cache: ${name} is current, ${tally.reused}${mirrorText(result)}`,
      );
      break;
    case "changed":
      context.info(
        `Use ${result.kind} from cache: ${name} ${changeText(result)}, nothing was fetched, ` +
          tally.reused + mirrorText(result),
      );
      break;
    case "unchecked":
      context.info(
        `Use ${result.kind} from cache: ${name}, ${tally.reused}, ${checked}`,
      );
      break;
    case "stale":
      context.warn(
        `${result.failure}; using the copy of ${name} last checked ${age} ago`,
      );
      context.info(`Use ${result.kind} from cache: ${name}, ${tally.reused}`);
  }
}

/** Says that layers came from the shared cache. */
function sharedText(result: PullResult): string {
  const shared = sharedBytesOf(result);
  if (shared === 0) return "";
  const isAll = shared === bytesOf(result, "fetched");
  return isAll ? " (shared)" : ` (shared: ${formatBytes(shared)})`;
}

/** Names the mirrors that answered. */
function mirrorText({ mirrors }: PullResult): string {
  if (mirrors.length === 0) return "";
  return ` (${mirrors.length === 1 ? "mirror" : "mirrors"}: ${mirrors.join(", ")})`;
}

/** Says what changed about an entry whose content was cached already. */
function changeText(result: PullResult): string {
  switch (result.cause) {
    case "new":
      return "is new";
    case "moved":
      return `has moved to ${shortDigest(result.digest)}`;
    case "platform":
      return `is now for ${platformText(result) ?? "another platform"}`;
    default:
      return "was incomplete";
  }
}

function platformText({ hasAllPlatforms, platform }: PullResult): string | undefined {
  if (hasAllPlatforms) return "all platforms";
  return platform && formatPlatform(platform);
}

/** `3 layers (28.17 MiB)` for the parts that were reused, and for those that were fetched. */
function tallyOf(parts: readonly PartResult[]): Record<"reused" | "fetched", string> {
  const text = (outcome: PartResult["outcome"]) => {
    const some = parts.filter((part) => part.outcome === outcome);
    if (some.length === 0) return "nothing";
    // The config counts where there is nothing else, as in an artifact without layers.
    const layers = some.filter((part) => part.kind === "layer");
    const what = layers.length > 0 ? plural(layers.length, "layer") : plural(some.length, "config");
    const counted = layers.length > 0 ? layers : some;
    const bytes = counted.reduce((sum, part) => sum + part.size, 0);
    return `${what} (${formatBytes(bytes)})`;
  };
  return { reused: text("reused"), fetched: text("fetched") };
}

/** `name:tag@digest`, also if the reference itself has a digest. */
export function nameWithDigest({ reference, digest }: PullResult): string {
  return `${reference.replace(/@.*$/, "")}@${digest}`;
}

/** Returns the result of a pull for `--format json`. */
export function resultToJson(result: PullResult): object {
  return {
    reference: result.reference,
    digest: result.digest,
    mediaType: result.mediaType,
    manifestDigest: result.manifestDigest,
    platform: result.platform ? formatPlatform(result.platform) : null,
    freshness: result.freshness,
    cause: result.cause ?? null,
    checkedAt: result.checkedAt === NEVER_CHECKED ? null : new Date(result.checkedAt).toISOString(),
    folder: result.folder,
    bytesFetched: bytesOf(result, "fetched"),
    bytesReused: bytesOf(result, "reused"),
    parts: result.parts,
    mirrors: result.mirrors,
  };
}
