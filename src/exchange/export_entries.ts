import { join } from "node:path";
import { hasCode, LarderError } from "../base/errors.ts";
import { statIfAny, writeAll } from "../base/files/files.ts";
import { GIVEN_MODE, PROGRAM_MODE } from "../base/files/place_file.ts";
import type { Digest } from "../oci/digest.ts";
import type { SnapshotEntry } from "../snapshot/types.ts";
import type { Layout } from "../store/layout.ts";
import { type StoreLockOptions, withSharedLock } from "../store/locks/store_lock.ts";
import { contentOf } from "./content/content_of.ts";
import { type Destination, writeFile, writeFolder } from "./destination.ts";
import { DOCKER_MANIFEST_FILE } from "./read/docker_archive.ts";
import type { EntryContent } from "./content/entry_content.ts";
import { dockerManifest, type LayoutFiles, layoutFiles } from "./write/layout_files.ts";
import { placeFiles, type PlaceOptions } from "./write/place_files.ts";
import { fileOf, isProgram } from "./content/record_content.ts";
import { copyVerified, writeArchive } from "./write/write_archive.ts";
import { writeLayoutFolder } from "./write/write_layout_folder.ts";

export interface ExportOptions extends PlaceOptions, Pick<StoreLockOptions, "waiting"> {
  /** True for a blob that the other side has, because an earlier bundle names it. */
  readonly isKnown?: ((digest: Digest) => boolean) | undefined;
  /** Writes to standard output. */
  readonly writeOut: (bytes: Uint8Array) => void;
  /** True if an entry that is removed meanwhile is left out: a glob named it. */
  readonly leavesOutRemoved?: boolean | undefined;
  /** Called with why an entry that a glob named is left out: an index that was served has no image for this machine. */
  readonly skipped?: ((reason: string) => void) | undefined;
  /** Called with the bytes to write. */
  readonly planned?: ((bytes: number) => void) | undefined;
}

/** A number of blobs, and their bytes. */
export interface Amount {
  readonly blobs: number;
  readonly bytes: number;
}

export interface ExportResult {
  /** Those that were written. */
  readonly entries: readonly SnapshotEntry[];
  readonly written: Amount;
  /** What the earlier bundle has. */
  readonly leftOut: Amount;
}

/**
 * Writes entries to a file, a folder or an archive, which appears under its name only when all of it is written and
 * verified.
 *
 * @throws LarderError LDR_NOT_CACHED, LDR_DIGEST_MISMATCH, LDR_USAGE, LDR_DISK*, LDR_INTERRUPTED
 */
export async function exportEntries(
  layout: Layout,
  entries: readonly SnapshotEntry[],
  destination: Destination,
  options: ExportOptions,
): Promise<ExportResult> {
  return await withSharedLock(layout, async () => {
    if (destination.form === "file") {
      return await exportFile(layout, entries[0]!, destination, options);
    }
    const found = await contentsOf(layout, entries, options);
    const contents = [...found.values()];
    const files = layoutFiles(contents, options.isKnown);
    const docker = destination.form === "archive" && dockerManifest(contents);
    if (docker && files.leftOut.length === 0) files.documents.set(DOCKER_MANIFEST_FILE, docker);
    const written = amountOf(files.blobs.values());
    options.planned?.(written.bytes);
    await write(files, destination, options);
    return { entries: [...found.keys()], written, leftOut: amountOf(files.leftOut) };
  }, options);
}

/** @throws LarderError LDR_NOT_CACHED if something is missing, or nothing is left; LDR_NO_PLATFORM */
async function contentsOf(
  layout: Layout,
  entries: readonly SnapshotEntry[],
  { leavesOutRemoved, skipped }: ExportOptions,
): Promise<Map<SnapshotEntry, EntryContent>> {
  const contents = new Map<SnapshotEntry, EntryContent>();
  let failure: unknown;
  for (const entry of entries) {
    const content = await contentUnlessRemoved(layout, entry).catch((error) => {
      if (!leavesOutRemoved || !hasCode(error, "LDR_NO_PLATFORM")) throw error;
      failure = error;
      skipped?.(error.message);
    });
    if (content) contents.set(entry, content);
    else if (!leavesOutRemoved) throw removedMeanwhile(entry);
  }
  if (contents.size === 0) throw failure ?? removedMeanwhile(entries[0]!);
  return contents;
}

/** Returns undefined if the entry was removed after the cache was read. A client of a server may also have replaced it. */
async function contentUnlessRemoved(
  layout: Layout,
  entry: SnapshotEntry,
): Promise<EntryContent | undefined> {
  try {
    return await contentOf(layout, entry);
  } catch (error) {
    if (!hasCode(error, "LDR_NOT_CACHED")) throw error;
    const isThere = statIfAny(join(entry.folder, entry.stampFile)) !== undefined;
    return isThere ? await contentOf(layout, entry) : undefined;
  }
}

function removedMeanwhile({ name }: SnapshotEntry): LarderError {
  return new LarderError("LDR_NOT_CACHED", `${name} was removed from the cache meanwhile`, {
    hint: "larder list shows what the cache has now",
  });
}

async function write(
  files: LayoutFiles,
  { form, path, compression }: Destination,
  options: ExportOptions,
): Promise<void> {
  if (path === undefined) return await writeArchive(files, options.writeOut, options);
  if (form === "folder") {
    return await writeFolder(path, (folder) => writeLayoutFolder(folder, files, options));
  }
  await writeFile(path, async (file) => {
    await writeArchive(files, (bytes) => writeAll(file, bytes), { ...options, compression });
  });
}

async function exportFile(
  layout: Layout,
  entry: SnapshotEntry,
  { path }: Destination,
  options: ExportOptions,
): Promise<ExportResult> {
  const blob = fileOf(layout, entry);
  const { size } = blob.descriptor;
  options.planned?.(size);
  if (path === undefined) {
    await copyVerified(blob, options.writeOut, options);
  } else {
    await writeFile(path, async (file, target) => {
      const mode = file.statSync().mode ?? GIVEN_MODE;
      await placeFiles([{ ...blob, target }], mode & 0o777, options);
    }, isProgram(entry) ? PROGRAM_MODE : GIVEN_MODE);
  }
  return { entries: [entry], written: { blobs: 1, bytes: size }, leftOut: { blobs: 0, bytes: 0 } };
}

function amountOf(blobs: Iterable<{ readonly descriptor: { readonly size: number } }>): Amount {
  const sizes = [...blobs].map(({ descriptor }) => descriptor.size);
  return { blobs: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}
