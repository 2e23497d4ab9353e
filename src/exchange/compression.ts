import type { Transform } from "node:stream";
import * as zlib from "node:zlib";
import { LarderError } from "../base/errors.ts";
import { COPY_BUFFER } from "../base/limits.ts";

/** The compression of an archive as a whole. */
export type Compression = "gzip" | "zstd";

/** Layers are compressed already, so that a higher level takes time and gains nothing. */
const GZIP_LEVEL = 1;

/** @throws LarderError LDR_USAGE if this build has no zstd */
export function compressor(compression: Compression): Transform {
  if (compression === "gzip") {
    return zlib.createGzip({ level: GZIP_LEVEL, chunkSize: COPY_BUFFER });
  }
  requireZstd("write PATH.tar or PATH.tar.gz, or compress a .tar with zstd");
  return zlib.createZstdCompress();
}

/** @throws LarderError LDR_USAGE if this build has no zstd */
export function decompressor(compression: Compression): Transform {
  if (compression === "gzip") return zlib.createGunzip({ chunkSize: COPY_BUFFER });
  requireZstd("decompress it first, with zstd -d");
  return zlib.createZstdDecompress({ chunkSize: COPY_BUFFER });
}

/** Returns the compression of a file that begins with these bytes. */
export function compressionOf(start: Uint8Array): Compression | undefined {
  if (start[0] === 0x1f && start[1] === 0x8b) return "gzip";
  const isZstd = start[0] === 0x28 && start[1] === 0xb5 && start[2] === 0x2f && start[3] === 0xfd;
  return isZstd ? "zstd" : undefined;
}

/** Deno has zstd since 2.6. */
function requireZstd(hint: string): void {
  if (typeof zlib.createZstdCompress === "function") return;
  throw new LarderError("LDR_USAGE", "this build of larder has no zstd", { hint });
}
