import assert from "node:assert/strict";
import { join } from "node:path";
import type { Digest } from "../../src/oci/digest.ts";
import { digestOf } from "../../src/oci/hash.ts";
import type { EntryFolder } from "../../src/snapshot/entry_folders.ts";
import { ManifestFiles } from "../../src/snapshot/manifest_files.ts";
import { Unreadable } from "../../src/snapshot/unreadable.ts";
import { MANIFEST_FILE } from "../../src/store/layout.ts";
import { TemporaryFolder } from "../support/temporary.ts";

const encoder = new TextEncoder();

/** Writes a folder with a manifest of this text. */
function folderOf(root: string, name: string, text: string): EntryFolder {
  const path = join(root, name);
  Deno.mkdirSync(path);
  Deno.writeTextFileSync(join(path, MANIFEST_FILE), text);
  return { path, files: new Set([MANIFEST_FILE]) };
}

Deno.test("ManifestFiles gives the digests of manifests, whether it has read them ahead or not", async () => {
  using root = new TemporaryFolder();
  // More than are hashed at the same time.
  const tags = Array.from({ length: 70 }, (_, i) => folderOf(root.path, `v${i}`, `tag ${i}`));
  const digests = new Map<Digest, { folder: EntryFolder }>();
  for (
    const [text, algorithm] of [["tag 3", "sha256"], ["other", "sha256"], [
      "more",
      "sha512",
    ]] as const
  ) {
    const digest = digestOf(encoder.encode(text), algorithm);
    digests.set(digest, { folder: folderOf(root.path, digest.replace(":", "_"), text) });
  }
  const gone = { path: join(root.path, "gone"), files: new Set([MANIFEST_FILE]) };
  const files = new ManifestFiles(new Unreadable());
  await files.readAhead([...tags, gone], digests);
  for (const folder of [...tags, ...[...digests.values()].map(({ folder }) => folder)]) {
    const bytes = Deno.readFileSync(join(folder.path, MANIFEST_FILE));
    for (const file of [files.read(folder)!, files.readNow(folder)!]) {
      assert.deepEqual(file.bytes, bytes);
      assert.equal(file.digest("sha256"), digestOf(bytes));
      assert.equal(file.digest("sha512"), digestOf(bytes, "sha512"));
    }
  }
  assert.equal(files.read(gone), undefined);
});

Deno.test("ManifestFiles.readNow reads a manifest that was replaced since it was read ahead", async () => {
  using root = new TemporaryFolder();
  const folder = folderOf(root.path, "v1", "one");
  const files = new ManifestFiles(new Unreadable());
  await files.readAhead([folder], new Map());
  Deno.writeTextFileSync(join(folder.path, MANIFEST_FILE), "two");
  assert.equal(files.read(folder)!.digest("sha256"), digestOf(encoder.encode("one")));
  assert.equal(files.readNow(folder)!.digest("sha256"), digestOf(encoder.encode("two")));
});
