import { systemClock } from "../../../base/concurrency.ts";
import { LarderError } from "../../../base/errors.ts";
import { formatBytes, plural } from "../../../base/units.ts";
import { importBundle, type ImportResult } from "../../../exchange/import_bundle.ts";
import { nameEntries, NamesMissing } from "../../../exchange/name_entries.ts";
import { type OpenBundle, openBundle } from "../../../exchange/open_source.ts";
import { Journal } from "../../../store/journal/journal.ts";
import type { Context } from "../../context.ts";
import { DetailedError } from "../../errors.ts";
import type { Format } from "../../options.ts";
import { writeJson, writeOut } from "../../terminal/console.ts";
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
  using bundle = await openBundle(path, signal);
  if (!bundle) throw notABundle(path);
  const result = await run(context, bundle, as);
  const at = new Date().toISOString();
  const changed = result.entries.filter(({ isChanged }) => isChanged);
  new Journal(context.layout).append(
    changed.map(({ name, digest, bytes }) => ({
      kind: "import",
      at,
      name,
      digest,
      from: path,
      bytes,
    })),
  );
  report(context, path, result, format);
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

function notABundle(path: string): LarderError {
  return new LarderError("LDR_USAGE", `${path} is not an archive of images or other entries`, {
    hint: `to import it as a build: larder import ${path} --as NAME`,
  });
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
    for (const { name, digest } of entries) writeOut(`${name.replace(/@.*$/, "")}@${digest}\n`);
  }
}
