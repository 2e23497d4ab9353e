import { readChunks } from "../../base/files/read_chunks.ts";
import type { BlobStream, Fetcher } from "../../oci/fetcher.ts";

/** A file as the source of a blob. */
export function fileAt(path: string): Fetcher {
  return {
    // deno-lint-ignore require-await
    async fetch(_descriptor, offset = 0): Promise<BlobStream> {
      return { offset, chunks: readChunks(path, { offset }) };
    },
  };
}
