import assert from "node:assert/strict";
import { join } from "node:path";
import { hasCode } from "../../../src/base/errors.ts";
import { ensureFolder } from "../../../src/base/files.ts";
import { BlobStore } from "../../../src/store/blobs/blob_store.ts";
import { Layout } from "../../../src/store/layout.ts";
import { describe, filesIn, sampleBytes } from "../../support/cache/blobs.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

const WASM = "application/vnd.wasm.content.layer.v1+wasm";

class Bench extends TemporaryFolder {
  readonly layout = new Layout(join(this.path, "registry"));
  readonly store = new BlobStore(this.layout);

  /** A file as Spin writes it: in place, with the mode that the umask leaves. */
  spinWrote(tree: "data" | "wasm", name: Uint8Array, content = name): string {
    Deno.mkdirSync(this.layout.tree(tree), { recursive: true });
    const path = this.layout.blob(tree, describe(name).digest);
    Deno.writeFileSync(path, content, { mode: 0o644 });
    return path;
  }
}

Deno.test("media types decide the tree", () => {
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

Deno.test("a whole blob that Spin wrote counts, and is marked as checked", () => {
  using bench = new Bench();
  const bytes = sampleBytes(100);
  const path = bench.spinWrote("data", bytes);
  assert.equal(bench.store.find(describe(bytes)), path);
  if (Deno.build.os !== "windows") assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
});

for (const keeps of [true, false]) {
  const name = keeps ? "is hashed" : "is not hashed where modes are made up";
  Deno.test(`a blob that is none of larder's by its mode ${name}`, () => {
    using bench = new Bench();
    const bytes = sampleBytes(100);
    const path = bench.spinWrote("data", bytes, sampleBytes(100, 2));
    Deno.writeTextFileSync(bench.layout.lock, "", { mode: 0o644 });
    const { lstatSync, chmodSync } = Deno;
    if (!keeps) {
      Deno.lstatSync = (each) => ({ ...lstatSync(each), mode: 0o100666 });
      Deno.chmodSync = () => {};
    }
    try {
      assert.equal(bench.store.find(describe(bytes)), keeps ? undefined : path);
      assert.equal(bench.store.find(describe(sampleBytes(99))), undefined);
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
  Deno.test(`a ${name} blob that Spin wrote does not count, and a pull replaces it`, async () => {
    using bench = new Bench();
    const bytes = sampleBytes(100);
    const path = bench.spinWrote("data", bytes, content);
    assert.equal(bench.store.find(describe(bytes)), undefined);
    const ingest = await bench.store.ingest(describe(bytes));
    ingest!.write(bytes);
    assert.equal(await ingest!.commit(), true);
    assert.deepEqual(Deno.readFileSync(path), bytes);
  });
}

Deno.test("Wasm that Spin keeps in data/ counts; data that lies in wasm/ does not", () => {
  using bench = new Bench();
  const path = bench.spinWrote("data", sampleBytes(10));
  assert.equal(bench.store.find(describe(sampleBytes(10), "application/wasm")), path);
  bench.spinWrote("wasm", sampleBytes(20));
  assert.equal(bench.store.find(describe(sampleBytes(20))), undefined);
});

Deno.test("links and folders are not blobs", () => {
  using bench = new Bench();
  const bytes = sampleBytes(10);
  Deno.mkdirSync(bench.layout.blobOf(describe(bytes)), { recursive: true });
  assert.equal(bench.store.find(describe(bytes)), undefined);
  const other = sampleBytes(11);
  const target = join(bench.path, "elsewhere");
  Deno.writeFileSync(target, other);
  Deno.symlinkSync(target, bench.layout.blobOf(describe(other)));
  assert.equal(bench.store.find(describe(other)), undefined);
});

Deno.test("a blob is read back from any offset", async () => {
  using bench = new Bench();
  const bytes = sampleBytes(5000);
  bench.spinWrote("data", bytes);
  for (const offset of [0, 1, 4999, 5000]) {
    const content = await bench.store.fetch(describe(bytes), offset);
    assert.equal(content.offset, offset);
    const read: number[] = [];
    for await (const chunk of content.chunks) read.push(...chunk);
    assert.deepEqual(new Uint8Array(read), bytes.subarray(offset));
  }
  await assert.rejects(
    bench.store.fetch(describe(sampleBytes(1))),
    (error) => hasCode(error, "LDR_NOT_CACHED"),
  );
});

Deno.test("BlobStore.write replaces a wrong partial file, and accepts an existing blob", async () => {
  using bench = new Bench();
  const bytes = sampleBytes(1000);
  const descriptor = describe(bytes, "text/javascript");
  ensureFolder(join(bench.layout.root, "partial"));
  Deno.writeFileSync(bench.layout.partial(descriptor.digest), sampleBytes(10, 7));
  for (const _ of [1, 2]) {
    assert.deepEqual(await bench.store.write(bytes, "text/javascript"), descriptor);
    assert.deepEqual(Deno.readFileSync(bench.layout.blobOf(descriptor)), bytes);
  }
  assert.deepEqual(filesIn(join(bench.layout.root, "partial")), []);
});

Deno.test("BlobStore.write fails with LDR_DISK if it cannot write", async () => {
  using bench = new Bench();
  Deno.writeTextFileSync(bench.layout.root, "a file in the way");
  const failure = bench.store.write(sampleBytes(10), "text/javascript");
  await assert.rejects(failure, (error) => hasCode(error, "LDR_DISK"));
});
