import { fileURLToPath } from "node:url";
import { LarderError } from "../base/errors.ts";
import { TRANSFER_BUFFER } from "../base/limits.ts";
import { diskError } from "../base/files/system_error.ts";
import type { BlobDescriptor } from "../oci/descriptor.ts";
import type { BlobStream, Fetcher } from "../oci/fetcher.ts";

/** Reads blobs from local files, such as those of a mirror on a disk. */
export class FileFetcher implements Fetcher {
  readonly #path: string;

  /** @param url a `file:` URL */
  constructor(url: string) {
    this.#path = fileURLToPath(url);
  }

  /** @inheritdoc */
  // deno-lint-ignore require-await
  async fetch(_descriptor: BlobDescriptor, offset = 0): Promise<BlobStream> {
    return { offset, chunks: readFrom(this.#path, offset) };
  }
}

async function* readFrom(path: string, offset: number): AsyncGenerator<Uint8Array> {
  const file = open(path);
  try {
    file.seekSync(offset, Deno.SeekMode.Start);
    const buffer = new Uint8Array(TRANSFER_BUFFER);
    for (let read; (read = await file.read(buffer)) !== null;) yield buffer.subarray(0, read);
  } finally {
    file.close();
  }
}

function open(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path, { read: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw diskError(error, "read", path);
    throw new LarderError("LDR_NOT_FOUND", `no file ${path}`, {
      hint: "check the path",
      cause: error,
    });
  }
}
