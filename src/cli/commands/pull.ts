import { formatPlatform } from "../../oci/platform.ts";
import { parseReference } from "../../oci/reference.ts";
import { bytesOf, type PullResult } from "../../pull/result.ts";
import { writeOut } from "../console.ts";
import type { Context } from "../context.ts";
import type { Format } from "../options.ts";
import { progressFor } from "../output/progress.ts";
import { openPuller, type PullingOptions, pullOptions, reportPull } from "../pulling.ts";

export interface PullCommandOptions extends PullingOptions {
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
  const { layout } = context;
  const { puller, transport } = openPuller(context);
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
        reportPull(context, result);
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

/** `name:tag@digest`, also where the reference had the digest already. */
function withDigest({ reference, digest }: PullResult): string {
  return `${reference.replace(/@.*$/, "")}@${digest}`;
}

function toJson(result: PullResult) {
  return {
    reference: result.reference,
    digest: result.digest,
    mediaType: result.mediaType,
    manifestDigest: result.manifestDigest,
    platform: result.platform ? formatPlatform(result.platform) : null,
    freshness: result.freshness,
    cause: result.cause ?? null,
    checkedAt: new Date(result.checkedAt).toISOString(),
    folder: result.folder,
    bytesFetched: bytesOf(result, "fetched"),
    bytesReused: bytesOf(result, "reused"),
    parts: result.parts,
  };
}
