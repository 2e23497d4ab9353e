import assert from "node:assert/strict";
import { join } from "node:path";
import { hasCode } from "../../../src/base/errors.ts";
import { ensureFolder } from "../../../src/base/files/files.ts";
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

/** Counts the files that a function opens to read, and so to hash. */
function opened(work: () => void): number {
  const { openSync } = Deno;
  let count = 0;
  Deno.openSync = (path, options) => {
    count++;
    return openSync(path, options);
  };
  try {
    work();
  } finally {
    Deno.openSync = openSync;
  }
  return count;
}

Deno.test("BlobStore.find hashes a blob of Spin once, and marks it", () => {
  using fixture = new Fixture();
  const bytes = sampleBytes(100);
  const path = fixture.spinWrote("data", bytes);
  assert.equal(opened(() => assert.equal(fixture.store.find(describe(bytes)), path)), 1);
  assert.equal(opened(() => assert.equal(fixture.store.find(describe(bytes)), path)), 0);
});

for (const mode of [0o644, 0o600]) {
  Deno.test(`BlobStore.find rejects damage by another program in a file of mode 0${mode.toString(8)}`, async () => {
    using fixture = new Fixture();
    const bytes = sampleBytes(100);
    const path = fixture.spinWrote("data", bytes, sampleBytes(100, 2));
    Deno.chmodSync(path, mode);
    assert.equal(fixture.store.find(describe(bytes)), undefined);
    assert.equal(fixture.store.findData(describe(bytes).digest), undefined);
    assert.equal(fixture.store.find(describe(sampleBytes(99))), undefined);
    assert.equal(await commit(fixture, bytes), path);
    assert.equal(opened(() => assert.equal(fixture.store.find(describe(bytes)), path)), 0);
    // In place: the file keeps its mode and inode.
    Deno.writeFileSync(path, sampleBytes(100, 2));
    assert.equal(fixture.store.find(describe(bytes)), undefined);
    assert.equal(fixture.store.findData(describe(bytes).digest), undefined);
  });
}

async function commit({ store }: Fixture, bytes: Uint8Array): Promise<string> {
  const ingest = await store.ingest(describe(bytes));
  ingest!.write(bytes);
  assert.equal(await ingest!.commit(), true);
  return store.find(describe(bytes))!;
}

for (const step of [10, 1000, 2000]) {
  Deno.test(`BlobStore.find knows a mark whose time was rounded down to ${step} ms`, async () => {
    using fixture = new Fixture();
    for (let seed = 0; seed < 50; seed++) {
      const bytes = sampleBytes(20, seed);
      const path = await commit(fixture, bytes);
      const time = Deno.statSync(path).mtime!.getTime();
      const rounded = new Date(Math.floor(time / step) * step);
      Deno.utimeSync(path, rounded, rounded);
      assert.equal(opened(() => assert.equal(fixture.store.find(describe(bytes)), path)), 0);
    }
  });
}

Deno.test("BlobStore.find takes hardly any other time for a mark", () => {
  using fixture = new Fixture();
  const bytes = sampleBytes(100);
  const path = fixture.spinWrote("data", bytes);
  let marked = 0;
  for (let i = 0; i < 5000; i++) {
    const time = new Date(1.7e12 + i * 13);
    Deno.utimeSync(path, time, time);
    marked += 1 - opened(() => fixture.store.find(describe(bytes)));
  }
  assert.ok(marked <= 1, `${marked} of 5000 times`);
});

Deno.test("an ingest dates a blob at most five minutes back, and never ahead", async () => {
  using fixture = new Fixture();
  for (let seed = 0; seed < 20; seed++) {
    const before = Date.now();
    const time = Deno.statSync(await commit(fixture, sampleBytes(20, seed))).mtime!.getTime();
    assert.ok(time <= Date.now() && time > before - 300_000, `${time - before} ms`);
  }
});

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
    assert.equal(await commit(fixture, bytes), path);
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
