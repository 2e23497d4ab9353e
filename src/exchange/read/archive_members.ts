import { pipeline, Readable, type Writable } from "node:stream";
import { type Extract, extract, type Header } from "tar-stream";
import { LarderError, messageOf, throwIfAborted } from "../../base/errors.ts";
import { type OpenFile, readOpenFile } from "../../base/files/read_chunks.ts";
import { formatBytes, plural } from "../../base/units.ts";
import { problemOf, quote } from "../../store/archive/reader.ts";
import { compressionOf, decompressor } from "../compression.ts";
import { badBundle } from "./bundle_errors.ts";

/** Limit on the members of an archive. */
const MAX_MEMBERS = 200_000;

/** 32 MiB limit on the names and links of the members together, which are kept in memory: one alone can have 4 MiB. */
const MAX_NAMES = 32 * 1024 * 1024;

/** Bytes of an archive up to which its compression is not limited. */
const RATIO_FREE = 1024 * 1024 * 1024;

/** Limit on the bytes that a compressed byte expands to. DEFLATE's own is 1032; zstd has none. */
const MAX_RATIO = 1100;

/** Thrown for a file that is not a tar file, compressed or not. */
export class NotAnArchive extends Error {}

/**
 * Reads a tar file, which may be compressed, and passes each member to `visit`, in order; content that `visit` leaves
 * unread is skipped. An archive is refused if the name or link of a member leads out of it, or if a member is not a
 * file, folder or link.
 *
 * @throws NotAnArchive; LarderError LDR_BAD_BUNDLE, LDR_DISK*, LDR_INTERRUPTED, and what `visit` throws
 */
export async function readMembers(
  { path, file }: OpenFile,
  visit: (header: Header, content: AsyncIterable<Uint8Array>) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  let current: string | undefined;
  let count = 0;
  let namesSize = 0;
  const failure: { error?: unknown } = {};
  const members = expand({ path, file }, failure, signal);
  try {
    for await (const entry of members) {
      throwIfAborted(signal);
      const { header } = entry;
      const problem = problemOf(header);
      current = quote(header.name);
      if (problem) throw badBundle(path, `${current} ${problem}`);
      if (++count > MAX_MEMBERS) {
        throw badBundle(path, `it has more than ${plural(MAX_MEMBERS, "member")}`);
      }
      namesSize += header.name.length + (header.linkname?.length ?? 0);
      if (namesSize > MAX_NAMES) {
        throw badBundle(path, `the names of its members exceed ${formatBytes(MAX_NAMES)}`);
      }
      await visit(header, entry as AsyncIterable<Uint8Array>);
      entry.resume();
    }
  } catch (error) {
    if (error instanceof LarderError) throw error;
    if (failure.error instanceof LarderError) throw failure.error;
    if (count === 0 && !isCompressionError(error)) throw new NotAnArchive();
    const where = current ? ` at or after ${current}` : "";
    throw badBundle(path, `it is damaged${where}: ${messageOf(error)}`, { cause: error });
  }
  if (count === 0) throw new NotAnArchive();
}

/** Opens the stream of the members. @param failure receives the first error, which streams may wrap */
function expand(
  { path, file }: OpenFile,
  failure: { error?: unknown },
  signal: AbortSignal | undefined,
): Extract {
  const { size } = file.statSync();
  const bound = Math.max(RATIO_FREE, MAX_RATIO * size);

  async function* limited(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let length = 0;
    for await (const chunk of chunks) {
      length += chunk.length;
      if (length > bound) {
        throw badBundle(path, `its ${formatBytes(size)} expand to more than ${formatBytes(bound)}`);
      }
      yield chunk;
    }
  }

  const members = extract({ allowUnknownFormat: true } as Parameters<typeof extract>[0]);
  const compression = compressionOf(startOf(file));
  const source = Readable.from(readOpenFile({ path, file }, { keepsChunks: true, signal }), {
    objectMode: false,
  });
  const ended = (error?: unknown) => failure.error ??= error;
  const output = members as unknown as Writable;
  if (compression) pipeline(source, decompressor(compression), limited, output, ended);
  else pipeline(source, output, ended);
  return members;
}

/** Returns the first bytes of a file. */
export function startOf(file: Deno.FsFile): Uint8Array {
  const start = new Uint8Array(4);
  file.seekSync(0, Deno.SeekMode.Start);
  const read = file.readSync(start) ?? 0;
  return start.subarray(0, read);
}

/** True for an error of zlib: the file is compressed, and damaged. */
function isCompressionError(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === "string" && /^(?:Z_|ZSTD_)/.test(code);
}
