import assert from "node:assert/strict";
import { join } from "node:path";
import { hasCode } from "../../../src/base/errors.ts";
import { ensureFolder } from "../../../src/base/files.ts";
import { BlobStore } from "../../../src/store/blobs/blob_store.ts";
import { Layout } from "../../../src/store/layout.ts";
import { describe, filesIn, sampleBytes } from "../../support/cache/blobs.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

const WASM = "application/vnd.wasm.content.layer.v1+wasm";

class Fixture extends TemporaryFolder {
  readonly layout = new Layout(join(this.path, "registry"));
  readonly store = new BlobStore(this.layout);

  /** Writes a file as Spin does: in place, with mode 0644. */
  spinWrote(tree: "data" | "wasm", name: Uint8Array, content = name): string {
    Deno.mkdirSync(this.layout.tree(tree), { recursive: true });
    const path = this.layout.blob(tree, describe(name).digest);
    Deno.writeFileSync(path, content, { mode: 0o644 });
    return path;
  }
}

Deno.test("Layout.blobOf chooses the tree by media type", () => {
  const layout = new Layout("/r");
  for (
    const [mediaType, tree] of [
      [WASM, "wasm"],
      ["application/wasm", "wasm"],
      ["application/vnd.wasm.content.layer.v1+data", "data"],
      ["application/vnd.oci.image.layer.v1.tar+gzip", "data"],
      ["", "data"],
    ] as const
  ) {
    const descriptor = describe(sampleBytes(3), mediaType);
    assert.equal(layout.blobOf(descriptor), layout.blob(tree, descriptor.digest));
  }
});

Deno.test("BlobStore.find accepts a blob of Spin, and marks it as verified", () => {
  using fixture = new Fixture();
  const bytes = sampleBytes(100);
  const path = fixture.spinWrote("data", bytes);
  assert.equal(fixture.store.find(describe(bytes)), path);
  if (Deno.build.os !== "windows") assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
});

for (const keeps of [true, false]) {
  const name = keeps ? "hashes" : "does not hash, without modes,";
  Deno.test(`BlobStore.find ${name} a blob that larder did not write`, () => {
    using fixture = new Fixture();
    const bytes = sampleBytes(100);
    const path = fixture.spinWrote("data", bytes, sampleBytes(100, 2));
    Deno.writeTextFileSync(fixture.layout.lock, "", { mode: 0o644 });
    const { lstatSync, chmodSync } = Deno;
    if (!keeps) {
      Deno.lstatSync = (each) => ({ ...lstatSync(each), mode: 0o100666 });
      Deno.chmodSync = () => {};
    }
    try {
      assert.equal(fixture.store.find(describe(bytes)), keeps ? undefined : path);
      assert.equal(fixture.store.find(describe(sampleBytes(99))), undefined);
    } finally {
      Object.assign(Deno, { lstatSync, chmodSync });
    }
  });
}

for (
  const [name, content] of [
    ["truncated", sampleBytes(99)],
    ["damaged", sampleBytes(100, 2)],
  ] as const
) {
  Deno.test(`BlobStore.find rejects a ${name} blob of Spin, and an ingest replaces it`, async () => {
    using fixture = new Fixture();
    const bytes = sampleBytes(100);
    const path = fixture.spinWrote("data", bytes, content);
    assert.equal(fixture.store.find(describe(bytes)), undefined);
    const ingest = await fixture.store.ingest(describe(bytes));
    ingest!.write(bytes);
    assert.equal(await ingest!.commit(), true);
    assert.deepEqual(Deno.readFileSync(path), bytes);
  });
}

Deno.test("BlobStore.find finds Wasm in data/, but no other blob in wasm/", () => {
  using fixture = new Fixture();
  const path = fixture.spinWrote("data", sampleBytes(10));
  assert.equal(fixture.store.find(describe(sampleBytes(10), "application/wasm")), path);
  fixture.spinWrote("wasm", sampleBytes(20));
  assert.equal(fixture.store.find(describe(sampleBytes(20))), undefined);
});

Deno.test("BlobStore.find ignores links and folders", () => {
  using fixture = new Fixture();
  const bytes = sampleBytes(10);
  Deno.mkdirSync(fixture.layout.blobOf(describe(bytes)), { recursive: true });
  assert.equal(fixture.store.find(describe(bytes)), undefined);
  const other = sampleBytes(11);
  const target = join(fixture.path, "elsewhere");
  Deno.writeFileSync(target, other);
  Deno.symlinkSync(target, fixture.layout.blobOf(describe(other)));
  assert.equal(fixture.store.find(describe(other)), undefined);
});

Deno.test("BlobStore.fetch reads a blob from any offset", async () => {
  using fixture = new Fixture();
  const bytes = sampleBytes(5000);
  fixture.spinWrote("data", bytes);
  for (const offset of [0, 1, 4999, 5000]) {
    const content = await fixture.store.fetch(describe(bytes), offset);
    assert.equal(content.offset, offset);
    const read: number[] = [];
    for await (const chunk of content.chunks) read.push(...chunk);
    assert.deepEqual(new Uint8Array(read), bytes.subarray(offset));
  }
  await assert.rejects(
    fixture.store.fetch(describe(sampleBytes(1))),
    (error) => hasCode(error, "LDR_NOT_CACHED"),
  );
});

Deno.test("BlobStore.write replaces a wrong partial file, and accepts an existing blob", async () => {
  using fixture = new Fixture();
  const bytes = sampleBytes(1000);
  const descriptor = describe(bytes, "text/javascript");
  ensureFolder(join(fixture.layout.root, "partial"));
  Deno.writeFileSync(fixture.layout.partial(descriptor.digest), sampleBytes(10, 7));
  for (const _ of [1, 2]) {
    assert.deepEqual(await fixture.store.write(bytes, "text/javascript"), descriptor);
    assert.deepEqual(Deno.readFileSync(fixture.layout.blobOf(descriptor)), bytes);
  }
  assert.deepEqual(filesIn(join(fixture.layout.root, "partial")), []);
});

Deno.test("BlobStore.write fails with LDR_DISK if it cannot write", async () => {
  using fixture = new Fixture();
  Deno.writeTextFileSync(fixture.layout.root, "a file in the way");
  const failure = fixture.store.write(sampleBytes(10), "text/javascript");
  await assert.rejects(failure, (error) => hasCode(error, "LDR_DISK"));
});
