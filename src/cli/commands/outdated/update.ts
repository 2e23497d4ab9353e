import { hasCode, LarderError } from "../../../base/errors.ts";
import { plural } from "../../../base/units.ts";
import { isRegistryFailure } from "../../../pull/freshness.ts";
import type { PullOptions } from "../../../pull/options.ts";
import type { Puller } from "../../../pull/puller.ts";
import { type PullResult, useEvent } from "../../../pull/result.ts";
import { Journal } from "../../../store/journal/journal.ts";
import type { Context } from "../../context.ts";
import type { Format } from "../../options.ts";
import { writeJson, writeOut } from "../../terminal/console.ts";
import { pullProgress } from "../../terminal/progress.ts";
import { collectAfterFetch } from "../gc/auto.ts";
import {
  nameWithDigest,
  openPuller,
  pullOptions,
  reportPull,
  resultToJson,
} from "../pull/options.ts";
import { checkCachedTags, type CheckedTag } from "./cached_tags.ts";

export interface UpdateOptions {
  readonly all?: boolean;
  readonly transfers?: number;
  readonly format: Format;
}

/** A tag that could not be checked or pulled. */
interface Failure {
  readonly name: string;
  readonly registry: string;
  readonly error: LarderError;
}

/**
 * `larder update`: pulls the cached tags that are behind, one after the other. A failure does not stop the others; the
 * command fails with the first one in the end.
 */
export async function update(
  context: Context,
  names: readonly string[],
  options: UpdateOptions,
): Promise<void> {
  checkNames(names, options);
  const { puller, client } = openPuller(context);
  const checked = await checkCachedTags(context, client, names);
  const failures = checked.flatMap(({ name, tag, state }): Failure[] => {
    const { registry } = tag.reference;
    return state.state === "unknown" ? [{ name, registry, error: state.error }] : [];
  });
  for (const { name, state } of checked) {
    if (state.state === "gone") {
      context.warn(`${name} is no longer in its registry; keeping the cached copy`);
    }
  }
  warnOfUnchecked(context, failures);
  const behind = checked.filter(({ state }) => state.state === "behind");
  const results = await pullAll(context, puller, behind, options, failures);
  if (options.format === "json") {
    writeJson(results.map(resultToJson));
  }
  context.info(summary(checked, results));
  if (results.some(({ cause }) => cause !== undefined)) await collectAfterFetch(context);
  if (failures.length > 0) throw failureOf(failures, checked.length);
}

function checkNames(names: readonly string[], { all }: UpdateOptions): void {
  if (names.length > 0 && all) {
    throw new LarderError("LDR_USAGE", "names and --all cannot be combined", {
      hint: "leave out --all to update only these",
    });
  }
  if (names.length > 0 || all) return;
  throw new LarderError("LDR_USAGE", "missing the names of the tags to update", {
    hint: "pass names, globs or --all; larder outdated lists the tags that are behind",
  });
}

async function pullAll(
  context: Context,
  puller: Puller,
  behind: readonly CheckedTag[],
  command: UpdateOptions,
  failures: Failure[],
): Promise<PullResult[]> {
  const options = pullOptions(context, { ...command, policy: "always" });
  const results: PullResult[] = [];
  try {
    for (const { name, tag } of behind) {
      using progress = pullProgress(context);
      try {
        const result = await puller.pull(tag.reference, optionsFor(tag, options), progress);
        progress.end();
        reportPull(context, result);
        if (command.format === "table") writeOut(`${nameWithDigest(result)}\n`);
        results.push(result);
      } catch (error) {
        progress.end();
        if (hasCode(error, "LDR_INTERRUPTED") || !(error instanceof LarderError)) throw error;
        const failure = { name, registry: tag.reference.registry, error };
        failures.push(failure);
        warnOf(context, failure);
      }
    }
  } finally {
    new Journal(context.layout).append(results.map((result) => useEvent(result, Date.now())));
  }
  return results;
}

/** Pulls for the platforms that the entry was pulled for, and never falls back to the cached copy. */
function optionsFor({ record }: CheckedTag["tag"], options: PullOptions): PullOptions {
  const { platform, allPlatforms, foreign } = record ?? {};
  const own = { platform, allPlatforms, foreign };
  return { ...options, ...own, policy: "always", staleIfError: undefined };
}

/** Warns of tags that could not be checked; of those that one ill registry has, once for each kind of failure. */
function warnOfUnchecked(context: Context, failures: readonly Failure[]): void {
  const groups = Map.groupBy(
    failures,
    ({ name, registry, error }) => isRegistryFailure(error) ? `${registry} ${error.code}` : name,
  );
  for (const [first, ...others] of groups.values()) {
    warnOf(context, first!);
    if (others.length === 0) continue;
    const what = `${plural(others.length, "other tag")} of ${first!.registry}`;
    context.warn(`${what} could not be checked either [${first!.error.code}]`);
  }
}

function warnOf(context: Context, { name, error }: Failure): void {
  const message = error.message.includes(name) ? error.message : `${name}: ${error.message}`;
  context.warn(`${message} [${error.code}]`);
}

function summary(checked: readonly CheckedTag[], results: readonly PullResult[]): string {
  const current = checked.filter(({ state }) => state.state === "current").length;
  const rest = current > 0 ? `, ${current} already current` : "";
  return `${plural(results.length, "tag")} updated${rest}`;
}

function failureOf(failures: readonly Failure[], total: number): LarderError {
  const [first] = failures;
  const { code, hint } = first!.error;
  const what = failures.length === 1
    ? first!.name
    : `${failures.length} of ${plural(total, "tag")}`;
  return new LarderError(code, `could not update ${what}`, {
    hint,
    cause: first!.error,
  });
}
