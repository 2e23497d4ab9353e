import { LarderError } from "../../../base/errors.ts";
import { tryTouch } from "../../../base/files/files.ts";
import { isGlob } from "../../../base/glob.ts";
import { formatBytes, plural } from "../../../base/units.ts";
import {
  checkDestination,
  type Destination,
  destinationOf,
} from "../../../exchange/destination.ts";
import { type Amount, exportEntries, type ExportResult } from "../../../exchange/export_entries.ts";
import { knownBlobs } from "../../../exchange/import/known_blobs.ts";
import type { SnapshotEntry } from "../../../snapshot/types.ts";
import { Journal } from "../../../store/journal/journal.ts";
import { waitingForSweep } from "../../../store/locks/store_lock.ts";
import type { Context } from "../../context.ts";
import { selectEntries } from "../../entry_lookup.ts";
import type { Format } from "../../options.ts";
import { readCache } from "../../read_cache.ts";
import { writeJson, writeOut, writeOutBytes } from "../../terminal/console.ts";
import { entryLine } from "./entry_line.ts";
import { byteProgress } from "../../terminal/progress.ts";

export interface ExportCommandOptions {
  readonly since?: string;
  readonly force?: boolean;
  readonly format: Format;
}

/**
 * `larder export`: writes entries to a file, a folder or an archive, and prints `NAME@DIGEST` for each.
 *
 * @param words the names, and the path as the last one
 * @throws LarderError LDR_USAGE, LDR_NOT_CACHED, and the codes of `exportEntries`
 */
export async function exportCommand(
  context: Context,
  words: readonly string[],
  command: ExportCommandOptions,
): Promise<void> {
  const names = words.slice(0, -1);
  const path = words.at(-1)!;
  if (names.length === 0) {
    throw new LarderError("LDR_USAGE", `${path} is either a name or a path: the other is missing`, {
      hint: "write larder export NAME PATH, such as larder export nginx nginx.tar",
    });
  }
  const now = Date.now();
  const signal = context.interruptible();
  const selected = selectEntries(await readCache(context, now), names);
  const destination = destinationOf(path, isSingleFile(names, selected, command));
  checkDestination(destination, command.force ?? false);
  const known = command.since === undefined
    ? undefined
    : await knownBlobs(command.since, { cache: context.layout, signal });
  const result = await run(context, selected, destination, known, names.every(isGlob));
  const { entries } = result;
  for (const { folder, stampFile } of entries) tryTouch(`${folder}/${stampFile}`, now);
  new Journal(context.layout).append(entries.flatMap((entry) => useEvents(entry, now)));
  report(context, destination, result, command);
}

/** One package or build, named without a glob, is exported as its file. */
function isSingleFile(
  names: readonly string[],
  entries: readonly SnapshotEntry[],
  { since }: ExportCommandOptions,
): boolean {
  const [name] = names;
  const [entry] = entries;
  return names.length === 1 && !isGlob(name!) && since === undefined &&
    (entry?.type === "package" || entry?.type === "build");
}

async function run(
  context: Context,
  entries: readonly SnapshotEntry[],
  destination: Destination,
  known: ReadonlySet<string> | undefined,
  leavesOutRemoved: boolean,
): Promise<ExportResult> {
  using progress = await byteProgress(context);
  return await exportEntries(context.layout, entries, destination, {
    writeOut: writeOutBytes,
    leavesOutRemoved,
    skipped: (reason) => context.warn(`left out: ${reason}`),
    isKnown: known && ((digest) => known.has(digest)),
    planned: (bytes) => progress.addTotal(bytes),
    progressed: (bytes) => progress.advance(bytes),
    waiting: (holders) => context.info(waitingForSweep(holders)),
    signal: context.interruptible(),
  });
}

function useEvents({ name, digest, size }: SnapshotEntry, now: number) {
  if (!digest) return [];
  const at = new Date(now).toISOString();
  return [{ kind: "use" as const, at, name, digest, fetched: 0, saved: size }];
}

function report(
  context: Context,
  { path }: Destination,
  { entries, written, leftOut }: ExportResult,
  { since, format }: ExportCommandOptions,
): void {
  const what = plural(entries.length, "entry", "entries");
  const rest = leftOut.blobs > 0 ? `; left out ${amountText(leftOut)} that ${since} has` : "";
  context.info(`exported ${what}, ${amountText(written)}, to ${path ?? "standard output"}${rest}`);
  if (path === undefined) return;
  if (format === "json") {
    const listed = entries.map(({ type, name, digest }) => ({
      type,
      name,
      digest: digest ?? null,
    }));
    writeJson({ path, entries: listed, written, leftOut });
  } else {
    for (const entry of entries) writeOut(`${entryLine(entry)}\n`);
  }
}

function amountText({ blobs, bytes }: Amount): string {
  return `${plural(blobs, "blob")} (${formatBytes(bytes)})`;
}
