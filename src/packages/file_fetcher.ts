import { fileURLToPath } from "node:url";
import { LarderError } from "../base/errors.ts";
import { statIfAny } from "../base/files/files.ts";
import { readChunks } from "../base/files/read_chunks.ts";
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
    const path = this.#path;
    if (statIfAny(path)) return { offset, chunks: readChunks(path, { offset }) };
    throw new LarderError("LDR_NOT_FOUND", `no file ${path}`, { hint: "check the path" });
  }
}
