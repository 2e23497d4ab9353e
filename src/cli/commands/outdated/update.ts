import { hasCode, LarderError } from "../../../base/errors.ts";
import { plural } from "../../../base/units.ts";
import type { PullOptions } from "../../../pull/options.ts";
import type { Puller } from "../../../pull/puller.ts";
import { type PullResult, useEvent } from "../../../pull/result.ts";
import { Journal } from "../../../store/journal/journal.ts";
import { collectAfterwards } from "../gc/auto.ts";
import { checkCachedTags, type CheckedTag } from "./cached_tags.ts";
import { writeJson, writeOut } from "../../terminal/console.ts";
import type { Context } from "../../context.ts";
import type { Format } from "../../options.ts";
import { progressFor } from "../../terminal/progress.ts";
import {
  nameWithDigest,
  openPuller,
  pullOptions,
  reportPull,
  resultToJson,
} from "../pull/options.ts";

export interface UpdateOptions {
  readonly all?: boolean;
  readonly transfers?: number;
  readonly format: Format;
}

/** A tag that is not up to date, and why. */
interface Failure {
  readonly name: string;
  readonly error: LarderError;
}

/**
 * `larder update`: pulls the cached tags that are behind, one after the other; what fails does not hinder the rest, and
 * is what the command fails with in the end.
 */
export async function update(
  context: Context,
  names: readonly string[],
  options: UpdateOptions,
): Promise<void> {
  checkNames(names, options);
  const { puller, client } = openPuller(context);
  const checked = await checkCachedTags(context, client, names);
  const failures = checked.flatMap(({ entry, state }): Failure[] =>
    state.state === "unknown" ? [{ name: entry.name, error: state.error }] : []
  );
  for (const { entry, state } of checked) {
    if (state.state === "gone") {
      context.warn(`the registry has ${entry.name} no more; the cached copy stays`);
    }
  }
  failures.forEach((failure) => tell(context, failure));
  const behind = checked.filter(({ state }) => state.state === "behind");
  const results = await pullAll(context, puller, behind, options, failures);
  if (options.format === "json") {
    writeJson(results.map(resultToJson));
  }
  context.info(summary(checked, results));
  if (results.some(({ cause }) => cause !== undefined)) await collectAfterwards(context);
  if (failures.length > 0) throw failureOf(failures, checked.length);
}

function checkNames(names: readonly string[], { all }: UpdateOptions): void {
  if (names.length > 0 && all) {
    throw new LarderError("LDR_USAGE", "names and --all exclude each other", {
      hint: "leave --all out to update only these",
    });
  }
  if (names.length > 0 || all) return;
  throw new LarderError("LDR_USAGE", "nothing is named that is to be updated", {
    hint: "name entries or globs, or say --all; larder outdated lists what is behind",
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
    for (const { entry, tag } of behind) {
      using progress = progressFor(context);
      try {
        const result = await puller.pull(tag.reference, optionsFor(tag, options), progress);
        progress.end();
        reportPull(context, result);
        if (command.format === "table") writeOut(`${nameWithDigest(result)}\n`);
        results.push(result);
      } catch (error) {
        progress.end();
        if (hasCode(error, "LDR_INTERRUPTED") || !(error instanceof LarderError)) throw error;
        const failure = { name: entry.name, error };
        failures.push(failure);
        tell(context, failure);
      }
    }
  } finally {
    new Journal(context.layout).append(results.map((result) => useEvent(result, Date.now())));
  }
  return results;
}

/** What an entry was pulled for it is updated for, and no copy may stand in for what is new. */
function optionsFor({ record }: CheckedTag["tag"], options: PullOptions): PullOptions {
  const { platform, allPlatforms, foreign } = record ?? {};
  const own = { platform, allPlatforms, foreign };
  return { ...options, ...own, policy: "always", staleIfError: undefined };
}

function tell(context: Context, { name, error }: Failure): void {
  const about = error.message.includes(name) ? error.message : `${name}: ${error.message}`;
  context.warn(`${about} [${error.code}]`);
}

function summary(checked: readonly CheckedTag[], results: readonly PullResult[]): string {
  const current = checked.filter(({ state }) => state.state === "current").length;
  const rest = current > 0 ? `, ${current} already current` : "";
  return `${plural(results.length, "tag")} updated${rest}`;
}

function failureOf(failures: readonly Failure[], of: number): LarderError {
  const [first] = failures;
  const { code, hint } = first!.error;
  const what = failures.length === 1 ? first!.name : `${failures.length} of ${plural(of, "tag")}`;
  return new LarderError(code, `${what} could not be updated`, {
    hint,
    cause: first!.error,
  });
}
