import { systemClock } from "../../base/concurrency.ts";
import { TRANSFERS } from "../../base/defaults.ts";
import { LarderError } from "../../base/errors.ts";
import { formatBytes, formatDuration, plural } from "../../base/units.ts";
import { formatPlatform, parsePlatform } from "../../oci/platform.ts";
import { parseReference } from "../../oci/reference.ts";
import type { Policy } from "../../pull/freshness.ts";
import type { PartResult, PullResult } from "../../pull/result.ts";
import type { PullOptions } from "../../pull/options.ts";
import { Puller } from "../../pull/puller.ts";
import { writeOut } from "../console.ts";
import type { Context } from "../context.ts";
import { openRegistry } from "../network.ts";
import type { Format } from "../options.ts";
import { progressFor } from "../output/progress.ts";

export interface PullCommandOptions {
  readonly policy?: Policy;
  readonly staleIfError?: number;
  readonly platform?: string;
  readonly allPlatforms?: boolean;
  readonly foreign?: boolean;
  readonly transfers?: number;
  readonly format: Format;
}

/**
 * `larder pull`: each reference, or Spin manifest, in turn; `REFERENCE@DIGEST` on stdout, the rest on stderr.
 * A bad reference is said before anything is fetched.
 */
export async function pull(
  context: Context,
  names: readonly string[],
  command: PullCommandOptions,
): Promise<void> {
  const subjects = names.map((name) => isSpinManifest(name) ? name : parseReference(name));
  const options = pullOptions(context, command);
  const { client, transport } = openRegistry(context);
  const { layout } = context;
  const puller = new Puller({ layout, client, transport, clock: systemClock });
  const results: object[] = [];
  for (const subject of subjects) {
    const progress = progressFor(context);
    try {
      if (typeof subject === "string") {
        const { pullSpinManifest } = await import("./pull_spin_manifest.ts");
        const deps = { context, layout, puller, transport, options, progress };
        results.push(...await pullSpinManifest(subject, deps, command.format));
      } else {
        const result = await puller.pull(subject, options, progress);
        progress.end();
        report(context, result);
        if (command.format === "table") writeOut(`${withDigest(result)}\n`);
        results.push(toJson(result));
      }
    } finally {
      progress.end();
    }
  }
  if (command.format === "json") writeOut(JSON.stringify(results, null, 2) + "\n");
}

/** `spin.toml`, by whatever name: no repository that is meant without its tag ends so. */
function isSpinManifest(name: string): boolean {
  return name.endsWith(".toml");
}

function pullOptions(context: Context, command: PullCommandOptions): PullOptions {
  const { freshness, transfers } = context.config;
  if (command.platform && command.allPlatforms) {
    throw new LarderError("LDR_USAGE", "--platform and --all-platforms exclude each other", {
      hint: "leave one of them out",
    });
  }
  if (context.options.offline && command.policy && command.policy !== "never") {
    throw new LarderError(
      "LDR_USAGE",
      `--offline and --policy ${command.policy} exclude each other`,
      {
        hint: "leave one of them out",
      },
    );
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

/** `name:tag@digest`, also where the reference had the digest already. */
function withDigest({ reference, digest }: PullResult): string {
  return `${reference.replace(/@.*$/, "")}@${digest}`;
}

function report(context: Context, result: PullResult): void {
  const name = result.reference;
  const tally = count(result.parts);
  const skipped = result.parts.filter((part) => part.outcome === "skipped");
  for (const part of skipped) {
    context.info(
      `skipped the foreign layer ${part.digest} (${formatBytes(part.size)}): --foreign fetches it`,
    );
  }
  const age = formatDuration(Date.now() - result.checkedAt);
  switch (result.freshness) {
    case "fetched":
      context.info(
        `${name}: fetched ${tally.fetched}, reused ${tally.reused}` +
          (result.platform ? `, for ${formatPlatform(result.platform)}` : ""),
      );
      break;
    case "current":
      context.info(`Use image from cache: ${name} is current, ${tally.reused}`);
      break;
    case "unchecked":
      context.info(`Use image from cache: ${name}, ${tally.reused}, confirmed ${age} ago`);
      break;
    case "stale":
      context.warn(`the registry cannot be asked about ${name}: its copy was confirmed ${age} ago`);
      context.info(`Use image from cache: ${name}, ${tally.reused}`);
  }
}

/** `3 layers (28.17 MiB)` for what was reused and what was fetched. */
function count(parts: readonly PartResult[]): Record<"reused" | "fetched", string> {
  const text = (outcome: PartResult["outcome"]) => {
    const of = parts.filter((part) => part.outcome === outcome);
    const layers = of.filter((part) => part.kind === "layer").length;
    const bytes = of.reduce((sum, part) => sum + part.size, 0);
    return `${plural(layers, "layer")} (${formatBytes(bytes)})`;
  };
  return { reused: text("reused"), fetched: text("fetched") };
}

function toJson(result: PullResult) {
  const bytes = (outcome: PartResult["outcome"]) =>
    result.parts.filter((part) => part.outcome === outcome)
      .reduce((sum, part) => sum + part.size, 0);
  return {
    reference: result.reference,
    digest: result.digest,
    mediaType: result.mediaType,
    manifestDigest: result.manifestDigest,
    platform: result.platform ? formatPlatform(result.platform) : null,
    freshness: result.freshness,
    checkedAt: new Date(result.checkedAt).toISOString(),
    folder: result.folder,
    bytesFetched: bytes("fetched"),
    bytesReused: bytes("reused"),
    parts: result.parts,
  };
}
