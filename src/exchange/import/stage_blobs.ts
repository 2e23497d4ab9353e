import { LarderError } from "../../base/errors.ts";
import { readChunks } from "../../base/files/read_chunks.ts";
import { formatBytes, plural } from "../../base/units.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import { SPIN_ARCHIVE } from "../../oci/media_types.ts";
import { checkArchive } from "../../store/archive/unpack.ts";
import type { Ingest } from "../../store/blobs/ingest.ts";
import { asBundleError, badBundle } from "../read/bundle_errors.ts";
import type { BundleSource } from "../read/bundle_source.ts";
import type { ImportPlan } from "../import_plan.ts";

/** A file of the store that is to be written. */
export interface Target {
  readonly path: string;
  /** @returns undefined if it is present */
  readonly open: () => Promise<Ingest | undefined>;
}

/** A blob that the store lacks, and where it goes. */
export interface MissingBlob {
  readonly descriptor: Descriptor;
  /** By path: one, unless the same content is both Wasm and data, or the app of several references. */
  readonly targets: Map<string, Target>;
}

export type MissingBlobs = ReadonlyMap<Digest, MissingBlob>;

export interface StageOptions {
  /** Called with bytes that were read. */
  readonly progressed?: ((bytes: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Checks that a bundle has the blobs that the store lacks, in their sizes.
 * @throws LarderError LDR_BAD_BUNDLE; LDR_NOT_CACHED for a bundle that was made for a site with an earlier one
 */
export function checkOffer(
  source: BundleSource,
  { fileOf, isPartial }: ImportPlan,
  missing: MissingBlobs,
): void {
  const absent: Descriptor[] = [];
  for (const { descriptor } of missing.values()) {
    const name = fileOf(descriptor.digest);
    const size = source.sizeOf(name);
    if (size === undefined) absent.push(descriptor);
    else if (size !== descriptor.size) {
      throw badBundle(source.path, `${name} has ${size} bytes instead of ${descriptor.size}`);
    }
  }
  const [first] = absent;
  if (!first) return;
  const bytes = absent.reduce((sum, { size }) => sum + size, 0);
  const others = absent.length > 1
    ? ` and ${absent.length - 1} more (${formatBytes(bytes)} together)`
    : ` (${formatBytes(bytes)})`;
  if (!isPartial) throw badBundle(source.path, `${fileOf(first.digest)} is missing${others}`);
  const blobs = plural(absent.length, "blob");
  throw new LarderError(
    "LDR_NOT_CACHED",
    `${source.path} needs ${blobs} of an earlier bundle: ${first.digest}${others}`,
    { hint: "import the bundle that it was made with (--since) first" },
  );
}

/**
 * Writes the blobs that the store lacks to partial files, and verifies them. None of them is visible yet.
 * @throws LarderError LDR_BAD_BUNDLE, LDR_DISK*, LDR_INTERRUPTED
 */
export async function stageBlobs(
  source: BundleSource,
  { fileOf }: ImportPlan,
  missing: MissingBlobs,
  options: StageOptions,
): Promise<void> {
  const wanted = new Map<string, MissingBlob>();
  for (const blob of missing.values()) {
    wanted.set(source.resolve(fileOf(blob.descriptor.digest)), blob);
  }
  const stage = async (name: string, chunks: AsyncIterable<Uint8Array>) => {
    try {
      await stageBlob(wanted.get(name)!, chunks, options);
    } catch (error) {
      throw asBundleError(source.path, name, error);
    }
  };
  await source.visit(new Set(wanted.keys()), stage, options.signal);
}

async function stageBlob(
  { descriptor, targets }: MissingBlob,
  chunks: AsyncIterable<Uint8Array>,
  { progressed, signal }: StageOptions,
): Promise<void> {
  const [target] = targets.values();
  const ingest = await target!.open();
  if (!ingest) return progressed?.(descriptor.size); // Another process has fetched it.
  try {
    if (!ingest.isStaged) {
      let skip = ingest.offset; // A killed import has written these bytes, and they have been hashed.
      for await (const chunk of chunks) {
        const rest = chunk.subarray(Math.min(skip, chunk.length));
        skip -= chunk.length - rest.length;
        if (rest.length > 0) ingest.write(rest);
        progressed?.(chunk.length);
      }
    }
    await ingest.stage(checkOf(descriptor, signal));
  } catch (error) {
    if (isContentError(error)) ingest.discard();
    throw error;
  } finally {
    ingest.abort();
  }
}

/** An archive of Spin is unpacked when it is committed, so that it must be sound before. */
function checkOf({ mediaType, digest }: Descriptor, signal: AbortSignal | undefined) {
  if (mediaType !== SPIN_ARCHIVE) return undefined;
  return (file: Deno.FsFile, path: string) => checkArchive({ digest, file, path }, { signal });
}

function isContentError(error: unknown): boolean {
  return error instanceof LarderError &&
    ["LDR_SIZE_MISMATCH", "LDR_DIGEST_MISMATCH", "LDR_BAD_ARCHIVE"].includes(error.code);
}

/**
 * Commits staged blobs.
 * @param added called for each that another process has not committed meanwhile
 * @returns false if a partial file is gone, because the cache was deleted meanwhile
 * @throws LarderError LDR_DISK*, LDR_INTERRUPTED
 */
export async function commitBlobs(
  missing: MissingBlobs,
  added: (blob: Descriptor) => void,
): Promise<boolean> {
  for (const { descriptor, targets } of missing.values()) {
    let written: string | undefined;
    for (const { path, open } of targets.values()) {
      const ingest = await open();
      if (ingest && !await commit(ingest, written)) return false;
      if (ingest) added(descriptor);
      written = path;
    }
  }
  return true;
}

/** @param written a file with the same content, for a second target */
async function commit(ingest: Ingest, written: string | undefined): Promise<boolean> {
  try {
    if (!ingest.isStaged) {
      if (written === undefined) return false;
      ingest.restart();
      for await (const chunk of readChunks(written)) ingest.write(chunk);
    }
    return await ingest.commit();
  } finally {
    ingest.abort();
  }
}
