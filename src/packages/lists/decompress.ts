import { pipeline, Readable } from "node:stream";
import * as zlib from "node:zlib";
import { COPY_BUFFER } from "../../base/limits.ts";
import { LarderError, messageOf } from "../../base/errors.ts";
import { formatBytes } from "../../base/units.ts";
import { badIndex } from "./index_errors.ts";

/** 2 GiB limit on a decompressed index. Those of Debian and Fedora have 50 to 200 MiB. */
const MAX_INDEX = 2 * 1024 * 1024 * 1024;

/**
 * 64 KiB that a decompressor receives at once, because it keeps all that they expand to: with 1 MiB, reading Debian's
 * `Packages.gz` took 252 MB at its peak with Deno 2.4, and 111 MB with this.
 */
const PIECE = 64 * 1024;

/** Suffixes of compressed indexes that this runtime can read, the fastest first; xz takes six times as long as gzip. */
export function readableSuffixes(): readonly string[] {
  return [".gz", ...hasZstd() ? [".zst"] : [], ".xz", ""];
}

/** Deno 2.4 has no zstd. */
function hasZstd(): boolean {
  return "createZstdDecompress" in zlib;
}

/**
 * Yields the decompressed bytes of an index, by the suffix of its name. Memory use is constant.
 *
 * @param limit bytes that it may expand to
 * @throws LarderError LDR_BAD_INDEX if it is damaged, ends early or expands to more than `limit`
 */
export async function* decompress(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  limit: number = MAX_INDEX,
): AsyncGenerator<Uint8Array> {
  let length = 0;
  try {
    for await (const chunk of await expand(chunks, name)) {
      length += chunk.length;
      if (length > limit) {
        throw badIndex(name, `it expands to more than ${formatBytes(limit)}`);
      }
      yield chunk;
    }
  } catch (error) {
    if (error instanceof LarderError) throw error;
    throw badIndex(name, `it cannot be decompressed: ${messageOf(error)}`, error);
  }
}

async function expand(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
): Promise<AsyncIterable<Uint8Array>> {
  const [suffix = ""] = /\.(?:gz|zst|xz)$/.exec(name) ?? [];
  switch (suffix) {
    case ".gz":
      return through(chunks, zlib.createGunzip({ chunkSize: COPY_BUFFER }));
    case ".xz":
      return await throughXz(chunks);
    case ".zst":
      if (hasZstd()) return through(chunks, zlib.createZstdDecompress({ chunkSize: COPY_BUFFER }));
      throw badIndex(name, "this build of larder cannot read zstd");
    default:
      return chunks;
  }
}

/** The chunks are copied, because their source may overwrite one while the next is awaited. */
function through<T extends NodeJS.ReadWriteStream>(
  chunks: AsyncIterable<Uint8Array>,
  decompressor: T,
): AsyncIterable<Uint8Array> {
  // The error, if any, is thrown by the loop over the decompressor.
  pipeline(Readable.from(copies(chunks), { highWaterMark: 1 }), decompressor, () => {});
  return decompressor as unknown as AsyncIterable<Uint8Array>;
}

async function* copies(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    for (let start = 0; start < chunk.length; start += PIECE) {
      yield chunk.slice(start, start + PIECE);
    }
  }
}

async function throughXz(chunks: AsyncIterable<Uint8Array>): Promise<AsyncIterable<Uint8Array>> {
  const module = await import("xz-decompress");
  // Bundled, the CommonJS module is the default export.
  const { XzReadableStream } = module.XzReadableStream
    ? module
    : (module as unknown as { default: typeof module }).default;
  return new XzReadableStream(ReadableStream.from(copies(chunks)));
}
