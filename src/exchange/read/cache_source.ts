import { join } from "node:path";
import { hasCode, throwIfAborted } from "../../base/errors.ts";
import { statIfAny } from "../../base/files/files.ts";
import { readChunks } from "../../base/files/read_chunks.ts";
import { takeSnapshot } from "../../snapshot/snapshot.ts";
import { Layout } from "../../store/layout.ts";
import { REGISTRY_FOLDER } from "../../store/platform_dirs.ts";
import type { BundleSource } from "./bundle_source.ts";
import { contentOf } from "../content/content_of.ts";
import type { EntryContent } from "../content/entry_content.ts";
import { type LayoutFiles, layoutFiles } from "../write/layout_files.ts";

/** The cache of Spin or of another larder, as a bundle with its entries. */
export class CacheSource implements BundleSource {
  readonly path: string;
  readonly #files: LayoutFiles;

  private constructor(path: string, files: LayoutFiles) {
    this.path = path;
    this.#files = files;
  }

  /**
   * Reads the entries of a cache. Those that are not complete, because a pull was stopped, are left out.
   * @param note receives a line for each entry that is left out
   */
  static async open(
    path: string,
    layout: Layout,
    note: (message: string) => void = () => {},
  ): Promise<CacheSource> {
    const { entries } = await takeSnapshot(layout, Date.now());
    const contents: EntryContent[] = [];
    for (const entry of entries) {
      if (entry.type === "compiled") continue;
      try {
        contents.push(await contentOf(layout, entry));
      } catch (error) {
        if (
          !hasCode(
            error,
            "LDR_NOT_CACHED",
            "LDR_BAD_MANIFEST",
            "LDR_UNSUPPORTED_MANIFEST",
            "LDR_BAD_REFERENCE",
          )
        ) throw error;
        note(`left out ${entry.name}: ${error.message}`);
      }
    }
    return new CacheSource(path, layoutFiles(contents));
  }

  resolve(name: string): string {
    return name;
  }

  sizeOf(name: string): number | undefined {
    const { documents, blobs } = this.#files;
    const path = blobs.get(name)?.path;
    return documents.get(name)?.length ?? (path === undefined ? undefined : statIfAny(path)?.size);
  }

  // deno-lint-ignore require-await
  async read(name: string): Promise<Uint8Array | undefined> {
    return this.#files.documents.get(name);
  }

  async visit(
    names: ReadonlySet<string>,
    work: (name: string, chunks: AsyncIterable<Uint8Array>) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<void> {
    for (const name of names) {
      throwIfAborted(signal);
      const document = this.#files.documents.get(name);
      const path = this.#files.blobs.get(name)?.path;
      if (document) await work(name, once(document));
      else if (path !== undefined) await work(name, readChunks(path, { signal }));
    }
  }

  [Symbol.dispose](): void {}
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Returns the layout of a folder that is a cache, or has one in it; undefined for any other. */
export function cacheLayoutIn(path: string): Layout | undefined {
  const isCache = (root: string) =>
    ["manifests", "packages", "builds"].some((name) => statIfAny(join(root, name))?.isDirectory) &&
    ["data", "wasm"].some((name) => statIfAny(join(root, name))?.isDirectory);
  const root = [path, join(path, REGISTRY_FOLDER)].find(isCache);
  return root === undefined ? undefined : new Layout(root);
}
