import { basename } from "node:path";
import { systemClock } from "../../../base/concurrency.ts";
import { LarderError, shellWord } from "../../../base/errors.ts";
import { formatBytes, plural } from "../../../base/units.ts";
import { importBundle, type ImportResult } from "../../../exchange/import/import_bundle.ts";
import { nameEntries, NamesMissing } from "../../../exchange/import/name_entries.ts";
import { fileBundle } from "../../../exchange/import/import_file.ts";
import { type OpenBundle, openBundle } from "../../../exchange/read/open_source.ts";
import { Journal } from "../../../store/journal/journal.ts";
import type { Context } from "../../context.ts";
import { DetailedError } from "../../errors.ts";
import type { Format } from "../../options.ts";
import { STANDARD_STREAM, writeJson, writeOut } from "../../terminal/console.ts";
import { entryLine } from "../export/entry_line.ts";
import { byteProgress } from "../../terminal/progress.ts";
import { collectAfterFetch, roomFor } from "../gc/auto.ts";

export interface ImportCommandOptions {
  readonly as?: string;
  readonly format: Format;
}

/**
 * `larder import`: adds the entries of a bundle to the cache, and prints `NAME@DIGEST` for each.
 *
 * @throws LarderError LDR_USAGE, LDR_NOT_FOUND, LDR_BAD_BUNDLE, LDR_DISK*, LDR_INTERRUPTED
 */
export async function importCommand(
  context: Context,
  path: string,
  { as, format }: ImportCommandOptions,
): Promise<void> {
  const signal = context.interruptible();
  const options = {
    cache: context.layout,
    note: (message: string) => context.warn(message),
    signal,
  };
  using bundle = await openBundle(path, options) ?? await fileAsBuild(path, as, signal);
  const result = await run(context, bundle, as);
  const at = new Date().toISOString();
  const changed = result.entries.filter(({ isChanged }) => isChanged);
  new Journal(context.layout).append(
    changed.map(({ name, digest, bytes }) => ({
      kind: "import",
      at,
      name,
      digest,
      from: bundle.source.path,
      bytes,
    })),
  );
  report(context, bundle.source.path, result, format);
  if (result.added.blobs > 0) await collectAfterFetch(context);
}

async function run(
  context: Context,
  { source, plan }: OpenBundle,
  as: string | undefined,
): Promise<ImportResult> {
  const { layout } = context;
  const named = namesOf(source.path, plan, as);
  using progress = await byteProgress(context);
  const deps = { layout, clock: systemClock, room: roomFor(context) };
  return await importBundle({ source, plan, named }, deps, {
    planned: (bytes) => progress.addTotal(bytes),
    progressed: (bytes) => progress.advance(bytes),
    note: (message) => context.info(message),
    signal: context.interruptible(),
  });
}

function namesOf(...args: Parameters<typeof nameEntries>) {
  try {
    return nameEntries(...args);
  } catch (error) {
    if (!(error instanceof NamesMissing)) throw error;
    const { code, message, hint, images } = error;
    throw new DetailedError(code, message, { hint, details: images });
  }
}

/** The names of archives: one that holds no entries is more likely damaged or the wrong one than a build. */
const ARCHIVE_NAME = /\.(?:tar|tgz|tzst|tar\.\w+)$/i;

/**
 * Returns a file as a bundle with one build, which by default has the name of the file without its ending.
 * @throws LarderError LDR_USAGE if it needs a name
 */
async function fileAsBuild(
  path: string,
  name: string | undefined,
  signal: AbortSignal,
): Promise<OpenBundle> {
  const problem = `${sourceName(path)} is not an archive of images or other entries`;
  if (path === STANDARD_STREAM) {
    throw new LarderError("LDR_USAGE", problem, {
      hint: "save it under a name, and import that",
    });
  }
  if (name === undefined && ARCHIVE_NAME.test(path)) {
    throw new LarderError("LDR_USAGE", problem, {
      hint: `to import it as a build: larder import ${shellWord(path)} --as NAME`,
    });
  }
  const stem = basename(path).replace(/(?<=.)\.[^.]*$/, "");
  return await fileBundle(path, name ?? stem, Date.now(), signal);
}

function sourceName(path: string): string {
  return path === STANDARD_STREAM ? "standard input" : path;
}

function report(
  context: Context,
  path: string,
  { entries, added, reused }: ImportResult,
  format: Format,
): void {
  const what = plural(entries.length, "entry", "entries");
  const amount = ({ blobs, bytes }: ImportResult["added"]) =>
    `${plural(blobs, "blob")} (${formatBytes(bytes)})`;
  context.info(`imported ${what} from ${path}: added ${amount(added)}, reused ${amount(reused)}`);
  if (format === "json") {
    writeJson({ path, entries, added, reused });
  } else {
    for (const entry of entries) writeOut(`${entryLine(entry)}\n`);
  }
}
