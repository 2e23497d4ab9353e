import assert from "node:assert/strict";
import { join } from "node:path";
import { blob, image, MEDIA_TYPES, randomBytes } from "./artifacts.ts";
import { type Files, writeFiles } from "./image_layouts.ts";
import { assertNoStrayFiles, assertStoreSound, filesBelow } from "./store_check.ts";
import { TestCacheHome } from "./test_cache_home.ts";

/** What bundles contain: a name, an image, and one with a larger layer. */
export const NAME = "ghcr.io/acme/app:v1";
export const ONE = image(["one", "two"]);
export const BIG = image([blob(randomBytes(20_000), MEDIA_TYPES.ociLayer), "two"]);

/** A home folder with a cache, and with bundles to import. */
export class ImportHome extends TestCacheHome {
  /** Writes a file in the home folder, and returns its path. */
  file(name: string, content: Uint8Array): string {
    const path = join(this.path, name);
    Deno.writeFileSync(path, content);
    return path;
  }

  /** Writes a folder of files, and returns its path. */
  folder(name: string, files: Files): string {
    return writeFiles(join(this.path, name), files);
  }

  /** Imports a bundle that is good, and returns its stdout. */
  async imported(path: string, ...options: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.larder("import", path, ...options);
    assert.equal(code, 0, stderr);
    assertStoreSound(this.registry);
    assertNoStrayFiles(this.registry);
    return stdout;
  }

  /** Fails unless nothing in the cache is visible: no blobs, no entries. */
  assertNothingVisible(): void {
    const visible = ["data", "wasm", "manifests", "builds", "packages"];
    assert.deepEqual(visible.flatMap((tree) => filesBelow(join(this.registry, tree))), []);
  }
}
