import { join, sep } from "node:path";
import { throwIfAborted } from "../../base/errors.ts";
import { readBytesIfAny, statIfAny } from "../../base/files/files.ts";
import { readChunks } from "../../base/files/read_chunks.ts";
import { diskError } from "../../base/files/system_error.ts";
import { formatBytes } from "../../base/units.ts";
import { badBundle } from "./bundle_errors.ts";
import { type BundleSource, MAX_DOCUMENT } from "./bundle_source.ts";

/** A bundle that is a folder. Only regular files in it are read, and none through a link that leads out of it. */
export class FolderSource implements BundleSource {
  readonly path: string;
  readonly #root: string;

  /** @throws LarderError LDR_DISK* if it cannot be read */
  constructor(path: string) {
    this.path = path;
    try {
      this.#root = Deno.realPathSync(path);
    } catch (error) {
      throw diskError(error, "read", path);
    }
  }

  resolve(name: string): string {
    return name;
  }

  sizeOf(name: string): number | undefined {
    const path = this.#pathOf(name);
    return path === undefined ? undefined : statIfAny(path)?.size;
  }

  // deno-lint-ignore require-await
  async read(name: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const path = this.#pathOf(name);
    if (!path) return undefined;
    const bytes = readBytesIfAny(path, MAX_DOCUMENT);
    if (!bytes) throw tooLarge(this.path, name);
    return bytes;
  }

  async visit(
    names: ReadonlySet<string>,
    work: (name: string, chunks: AsyncIterable<Uint8Array>) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<void> {
    for (const name of names) {
      throwIfAborted(signal);
      const path = this.#pathOf(name);
      if (path) await work(name, readChunks(path, { signal }));
    }
  }

  [Symbol.dispose](): void {}

  /** Returns the path of a regular file in the folder, or undefined if there is none. */
  #pathOf(name: string): string | undefined {
    const path = join(this.#root, ...name.split("/"));
    const info = statIfAny(path);
    if (!info) return undefined;
    if (!info.isFile) throw badBundle(this.path, `${name} is not a regular file`);
    if (!Deno.realPathSync(path).startsWith(this.#root + sep)) {
      throw badBundle(this.path, `${name} is reached through a link that leads out of it`);
    }
    return path;
  }
}

/** Returns the error for a document over the limit. */
export function tooLarge(path: string, name: string) {
  return badBundle(path, `${name} is larger than ${formatBytes(MAX_DOCUMENT)}`);
}
