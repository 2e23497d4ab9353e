import { TRANSFER_BUFFER } from "../../base/limits.ts";
import type { BlobStream, Fetcher } from "../../oci/fetcher.ts";

/** A file as the source of a blob. */
export function fileAt(path: string): Fetcher {
  return {
    // deno-lint-ignore require-await
    async fetch(_descriptor, offset = 0): Promise<BlobStream> {
      return { offset, chunks: readFrom(path, offset) };
    },
  };
}

async function* readFrom(path: string, offset: number): AsyncGenerator<Uint8Array> {
  using file = await Deno.open(path, { read: true });
  file.seekSync(offset, Deno.SeekMode.Start);
  const buffer = new Uint8Array(TRANSFER_BUFFER);
  for (let read; (read = await file.read(buffer)) !== null;) yield buffer.subarray(0, read);
}
