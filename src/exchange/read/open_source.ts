import { join } from "node:path";
import { LarderError, shellWord } from "../../base/errors.ts";
import { isNotFound, statIfAny } from "../../base/files/files.ts";
import { openToRead } from "../../base/files/open_file.ts";
import type { OpenFile } from "../../base/files/read_chunks.ts";
import { diskError } from "../../base/files/system_error.ts";
import type { Layout } from "../../store/layout.ts";
import { emptyPath } from "../destination.ts";
import type { ImportPlan } from "../import_plan.ts";
import { INDEX_FILE } from "../layout_format.ts";
import { NotAnArchive } from "./archive_members.ts";
import { ArchiveSource } from "./archive_source.ts";
import { badBundle } from "./bundle_errors.ts";
import type { BundleSource } from "./bundle_source.ts";
import { cacheLayoutIn, CacheSource } from "./cache_source.ts";
import { DOCKER_MANIFEST_FILE, readDockerArchive } from "./docker_archive.ts";
import { FolderSource } from "./folder_source.ts";
import { readLayout } from "./read_layout.ts";
import { spool } from "./spool.ts";

/** A bundle, open for reading, and what it offers. */
export interface OpenBundle extends Disposable {
  readonly source: BundleSource;
  readonly plan: ImportPlan;
}

export interface OpenOptions {
  /** The cache to import into. */
  readonly cache: Layout;
  /** Receives a line for each entry of a cache that is left out. */
  readonly note?: ((message: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens a bundle: a folder, an archive, or a cache.
 *
 * @param path `-` for standard input
 * @returns undefined for a file that is no bundle
 * @throws LarderError LDR_BAD_BUNDLE, LDR_NOT_FOUND, LDR_DISK*, LDR_INTERRUPTED
 */
export async function openBundle(
  path: string,
  options: OpenOptions,
): Promise<OpenBundle | undefined> {
  const { signal } = options;
  if (path === "") throw emptyPath();
  const source = await openSource(path, options);
  if (!source) return undefined;
  try {
    const plan = await readPlan(source, signal);
    if (plan) return { source, plan, [Symbol.dispose]: () => source[Symbol.dispose]() };
  } catch (error) {
    source[Symbol.dispose]();
    throw error;
  }
  source[Symbol.dispose]();
  return undefined;
}

async function openSource(
  path: string,
  { cache, note, signal }: OpenOptions,
): Promise<BundleSource | undefined> {
  const info = path === "-" ? undefined : statOf(path);
  if (info?.isDirectory) {
    const layout = cacheLayoutIn(path);
    if (!layout) return new FolderSource(path);
    requireOther(path, layout, cache);
    return await CacheSource.open(path, layout, note);
  }
  const open = !info
    ? await spool(Deno.stdin, "standard input", cache, signal)
    : info.isFile
    ? { path, file: openToRead(path) }
    : await spoolPipe(path, cache, signal);
  try {
    return await ArchiveSource.open(open, signal);
  } catch (error) {
    open.file.close();
    if (error instanceof NotAnArchive) return undefined;
    throw error;
  }
}

/** A pipe with a name can be read only once, like standard input. */
async function spoolPipe(path: string, cache: Layout, signal?: AbortSignal): Promise<OpenFile> {
  const pipe = openToRead(path);
  try {
    return await spool(pipe, path, cache, signal);
  } finally {
    pipe.close();
  }
}

function requireOther(path: string, { root }: Layout, cache: Layout): void {
  if (!statIfAny(cache.root) || Deno.realPathSync(root) !== Deno.realPathSync(cache.root)) return;
  throw new LarderError("LDR_USAGE", `${path} is the cache that this larder uses`, {
    hint: "everything in it can be used as it is",
  });
}

/** Reads a layout, or else what Docker's older format has. */
async function readPlan(
  source: BundleSource,
  signal?: AbortSignal,
): Promise<ImportPlan | undefined> {
  if (source.sizeOf(INDEX_FILE) !== undefined) return await readLayout(source);
  if (isSkopeoFolder(source)) throw noBundle(source.path);
  if (source.sizeOf(DOCKER_MANIFEST_FILE) !== undefined) {
    return await readDockerArchive(source, signal);
  }
  if (source instanceof FolderSource) throw noBundle(source.path);
  return undefined;
}

/** skopeo's `dir:` format has a `manifest.json` too: that of the image itself. */
function isSkopeoFolder(source: BundleSource): boolean {
  return source instanceof FolderSource && source.sizeOf("version") !== undefined;
}

function noBundle(path: string): LarderError {
  return badBundle(path, `it has no ${INDEX_FILE}`, { hint: hintFor(path) });
}

function hintFor(path: string): string {
  if (statIfAny(join(path, "version"))) {
    return "this is skopeo's dir: format; skopeo copy dir:FOLDER oci:OTHER:NAME makes a layout of it";
  }
  // Apptainer's cache has its layout in a folder of its own.
  const inner = join(path, "blob");
  return statIfAny(join(inner, INDEX_FILE))
    ? `larder import ${shellWord(inner)} reads the images of Apptainer's cache`
    : "write the path of an OCI image layout, of an archive, or of a cache folder";
}

function statOf(path: string): Deno.FileInfo {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (!isNotFound(error)) throw diskError(error, "read", path);
    throw new LarderError("LDR_NOT_FOUND", `${path} does not exist`, {
      hint: "check the path; larder pull fetches references from registries",
    });
  }
}
