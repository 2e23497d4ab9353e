import assert from "node:assert/strict";
import { join } from "node:path";
import { asDigest } from "../../src/oci/digest.ts";
import { BlobStore } from "../../src/store/blobs/blob_store.ts";
import { adaptToFileSystem, NO_COLONS_FILE } from "../../src/store/colon_names.ts";
import { Layout } from "../../src/store/layout.ts";
import { withSharedLock } from "../../src/store/locks/store_lock.ts";
import { describe, filesIn, sampleBytes } from "../support/cache/blobs.ts";
import { failureOf } from "../support/failure_of.ts";
import { TemporaryFolder } from "../support/temporary.ts";

const isWindows = Deno.build.os === "windows";
const DIGEST = asDigest(`sha256:${"a".repeat(64)}`)!;

/** What file systems answer to a name with `:`: NTFS and FAT, and exFAT through FUSE. */
const REFUSALS: readonly (readonly [string, () => Error])[] = [
  [
    "EINVAL",
    () => Object.assign(new TypeError("Invalid argument (os error 22)"), { code: "EINVAL" }),
  ],
  ["ENOENT", () => new Deno.errors.NotFound("No such file or directory (os error 2)")],
];

/** Runs `body` while no name with `:` can be opened. */
async function refusingColons(error: () => Error, body: () => Promise<void>): Promise<void> {
  const { openSync } = Deno;
  Deno.openSync = (path, options) => {
    if (String(path).includes(":")) throw error();
    return openSync(path, options);
  };
  try {
    await body();
  } finally {
    Deno.openSync = openSync;
  }
}

for (const [name, error] of REFUSALS) {
  Deno.test({
    name: `withSharedLock decides on names without colons in an empty cache, for ${name}`,
    ignore: isWindows,
    fn: async () => {
      using folder = new TemporaryFolder();
      const layout = new Layout(join(folder.path, "registry"));
      const bytes = sampleBytes(10);
      await refusingColons(error, () =>
        withSharedLock(layout, async () => {
          const ingest = (await new BlobStore(layout).ingest(describe(bytes)))!;
          ingest.write(bytes);
          assert.equal(await ingest.commit(), true);
        }));
      assert.deepEqual(filesIn(layout.tree("data")), [describe(bytes).digest.replace(":", "_")]);
      assert.ok(Deno.statSync(join(layout.root, NO_COLONS_FILE)).isFile);
      const other = new Layout(layout.root);
      assert.match(other.blob("data", DIGEST), /sha256_a{64}$/);
      assert.equal(other.digestOfName(other.fileName(DIGEST)), DIGEST);
    },
  });

  Deno.test({
    name: `BlobStore.ingest adapts a cache that has manifests and fails once, for ${name}`,
    ignore: isWindows,
    fn: async () => {
      using folder = new TemporaryFolder();
      const layout = new Layout(join(folder.path, "registry"));
      Deno.mkdirSync(layout.manifests, { recursive: true });
      const store = new BlobStore(layout);
      const blob = describe(sampleBytes(10));
      await refusingColons(error, async () => {
        const failure = await failureOf(withSharedLock(layout, () => store.ingest(blob)));
        assert.equal(failure.code, "LDR_DISK");
        assert.match(failure.message, /refuses ":" in names/);
        (await store.ingest(blob))!.discard();
      });
    },
  });
}

Deno.test({
  name: "adaptToFileSystem changes nothing on a file system that takes colons, and leaves no file",
  ignore: isWindows,
  fn: () => {
    using folder = new TemporaryFolder();
    assert.equal(adaptToFileSystem(folder.path), false);
    assert.deepEqual(filesIn(folder.path), []);
    assert.match(new Layout(folder.path).blob("data", DIGEST), /sha256:a{64}$/);
  },
});
