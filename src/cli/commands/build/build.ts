import { join, resolve } from "node:path";
import { hasCode, LarderError } from "../../../base/errors.ts";
import { namesFolder } from "../../../base/files/place_file.ts";
import { formatBytes, formatDuration } from "../../../base/units.ts";
import { build as runBuild, type BuildOptions, type BuildResult } from "../../../builds/build.ts";
import { inputsThatHold } from "../../../builds/inputs/inputs.ts";
import { checkTarget } from "../../../builds/result_file.ts";
import type { Key } from "../../../builds/key/key.ts";
import type { BuildSpec } from "../../../builds/spec.ts";
import { shortDigest } from "../../../oci/digest.ts";
import { defaultPlatforms, parsePlatform } from "../../../oci/platform.ts";
import { BlobStore } from "../../../store/blobs/blob_store.ts";
import { buildName, type BuildRecord } from "../../../store/entries/build_record.ts";
import { BuildStore } from "../../../store/entries/build_store.ts";
import { Journal, type UseEvent } from "../../../store/journal/journal.ts";
import type { Context } from "../../context.ts";
import { optionConflict } from "../../errors.ts";
import { sharedContentOf } from "../../registry/shared_content.ts";
import type { Format } from "../../options.ts";
import { readJournal } from "../../read_activity.ts";
import { writeErr, writeErrBytes, writeJson, writeOut } from "../../terminal/console.ts";
import { collectAfterFetch, roomFor } from "../gc/auto.ts";
import { explain, explanationText } from "./explanation.ts";
import type { BuildCommandOptions } from "./options.ts";
import { specOf, splitWords } from "./spec.ts";
import { CommandSources } from "./sources.ts";

/** `larder build`: puts the result of a build at a path, from the cache if there is one of the same key. */
export async function build(
  context: Context,
  words: readonly string[],
  rawArgs: readonly string[],
  command: BuildCommandOptions,
): Promise<void> {
  const own = splitWords(words, rawArgs);
  const spec = specOf(own, command);
  if (command.frozen && own.spec !== undefined) {
    const { checkFrozenSpec } = await import("../../lock/frozen.ts");
    checkFrozenSpec(own.spec, spec);
  }
  const options = buildOptions(context, spec, command);
  checkTarget(options.to);
  checkInputs(context, spec, options.to);
  const { layout } = context;
  const store = new BuildStore(layout, new BlobStore(layout));
  const output = new CommandOutput(context);
  using sources = new CommandSources(context, spec, command);
  let result: BuildResult;
  try {
    result = await runBuild(spec, options, {
      layout,
      store,
      shared: context.isOffline ? undefined : sharedContentOf(context),
      sources,
      space: roomFor(context),
      note: (message) => context.info(message),
      missed: (key, record) => reportMiss(context, store, key, reasonFor(record, options), command),
      onOutput: (bytes) => output.write(bytes),
    });
  } catch (error) {
    if (hasCode(error, "LDR_BUILD", "LDR_DISK_FULL")) output.flush();
    throw error;
  }
  report(context, result, options.to, command.format);
  if (result.record === undefined) return;
  new Journal(layout).append([useEvent(result.record, result)]);
  if (result.cause) await collectAfterFetch(context);
}

function buildOptions(
  context: Context,
  spec: BuildSpec,
  command: BuildCommandOptions,
): BuildOptions {
  const bypass = bypassOf(context, spec, command);
  if (command.strict && command.rebuild) throw optionConflict("--strict", "--rebuild");
  if (command.strict && bypass) {
    throw new LarderError("LDR_USAGE", `with ${bypass}, no result is taken, as --strict demands`, {
      hint: "leave out one of the two",
    });
  }
  return {
    to: targetOf(spec, command.output),
    sandbox: command.sandbox,
    platform: command.platform ? parsePlatform(command.platform) : defaultPlatforms()[0]!,
    useCache: bypass === undefined,
    rebuild: command.rebuild === true,
    strict: command.strict === true,
    signal: context.interruptible(),
  };
}

/** Returns what turns the cache of builds off for this one; undefined if nothing does. */
function bypassOf(
  { config }: Context,
  spec: BuildSpec,
  { imageCache }: BuildCommandOptions,
): string | undefined {
  if (!imageCache) return "--no-image-cache";
  if (!spec.useImageCache) return "use_image_cache: false";
  return config.storage?.image_cache?.enabled === false
    ? "storage.image_cache.enabled: false"
    : undefined;
}

/** Returns the path of the result: by default its own name in the working directory, or in a folder that `-o` names. */
function targetOf({ output }: BuildSpec, path = output): string {
  const to = resolve(path);
  return namesFolder(path) ? join(to, output) : to;
}

/** @throws LarderError LDR_USAGE if an input contains what the build itself writes */
function checkInputs({ layout }: Context, spec: BuildSpec, to: string): void {
  const [inOutput] = inputsThatHold(spec, to);
  if (inOutput !== undefined) {
    throw new LarderError("LDR_USAGE", `the result ${to} would be in the input ${inOutput}`, {
      hint: "put it elsewhere with -o PATH, or name only parts of that folder as inputs",
    });
  }
  const [inCache] = inputsThatHold(spec, layout.root);
  if (inCache !== undefined) {
    throw new LarderError("LDR_USAGE", `the input ${inCache} contains the cache ${layout.root}`, {
      hint: "name only parts of that folder as inputs, or use another cache with --cache-dir",
    });
  }
}

/** Says why the command runs. @param record that of the key, if there is one */
function reasonFor(
  record: BuildRecord | undefined,
  { useCache, rebuild }: BuildOptions,
): string {
  if (!useCache) return "cached results are not used";
  if (!record) return "no cached result";
  return rebuild
    ? "--rebuild ignores the cached result"
    : "the cached result is missing or damaged";
}

/** Says that the command runs, and what differs with `--explain` and `--strict`. */
function reportMiss(
  context: Context,
  store: BuildStore,
  key: Key,
  reason: string,
  { explain: isExplained, strict }: BuildCommandOptions,
): void {
  const { name } = key.document;
  if (!strict) context.info(`building ${name}: ${reason} (key ${shortDigest(key.digest)})`);
  if (!isExplained && !strict) return;
  const explanation = explain(store, key, readJournal(context, "history"));
  writeErr(explanationText(explanation, Date.now(), context.options.verbose === true));
}

function report(context: Context, result: BuildResult, to: string, format: Format): void {
  const { outcome, key, record, duration } = result;
  const { name } = key.document;
  const took = duration === undefined ? "" : ` in ${secondsText(duration)}`;
  if (outcome === "cached") {
    const age = formatDuration(Date.now() - Date.parse(record!.createdAt));
    const size = formatBytes(record!.size);
    const from = result.source ? " (shared)" : "";
    context.info(`Use build from cache: ${name} (${size}), built ${age} ago${took}${from}`);
  } else {
    context.info(`${name}: built${took}${record ? "" : ", not cached"}`);
  }
  if (format === "table") return writeOut(`${to}\n`);
  writeJson({
    name,
    key: key.digest,
    outcome,
    ...result.source && { source: result.source },
    digest: record?.digest ?? null,
    size: record?.size ?? null,
    createdAt: record?.createdAt ?? null,
    seconds: duration === undefined ? null : Math.round(duration) / 1000,
    path: to,
  });
}

/** `0.4 s` for what takes less than ten seconds, whole seconds for a longer time. */
function secondsText(milliseconds: number): string {
  return milliseconds < 10_000
    ? `${(milliseconds / 1000).toFixed(1)} s`
    : formatDuration(milliseconds);
}

function useEvent(record: BuildRecord, { cause, source }: BuildResult): UseEvent {
  const shared = source && record.size;
  return {
    kind: "use",
    at: new Date().toISOString(),
    name: buildName(record),
    digest: record.digest,
    ...(cause && { cause }),
    fetched: shared ?? 0,
    ...shared !== undefined && { shared },
    saved: cause ? 0 : record.size,
  };
}

/** 1 MiB of the end of the output of a command, which `--quiet` keeps to print it if the command fails. */
const KEPT_OUTPUT = 1024 * 1024;

/** What a command writes: passed on to stderr at once, or with `--quiet` only if it fails. */
class CommandOutput {
  readonly #isQuiet: boolean;
  readonly #kept: Uint8Array[] = [];
  #size = 0;

  constructor({ options }: Context) {
    this.#isQuiet = options.quiet === true;
  }

  write(bytes: Uint8Array): void {
    if (!this.#isQuiet) return writeErrBytes(bytes);
    this.#kept.push(bytes);
    this.#size += bytes.length;
    while (this.#size - this.#kept[0]!.length >= KEPT_OUTPUT) {
      this.#size -= this.#kept.shift()!.length;
    }
  }

  /** Prints what was kept. */
  flush(): void {
    for (const bytes of this.#kept.splice(0)) writeErrBytes(bytes);
  }
}
