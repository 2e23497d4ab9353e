import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { hasCode } from "../../../src/base/errors.ts";
import type { Descriptor } from "../../../src/oci/descriptor.ts";
import { BlobStore } from "../../../src/store/blobs/blob_store.ts";
import type { Ingest } from "../../../src/store/blobs/ingest.ts";
import { Layout } from "../../../src/store/layout.ts";
import { describe, filesIn, sampleBytes } from "../../support/cache/blobs.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

class Bench extends TemporaryFolder {
  readonly layout = new Layout(join(this.path, "registry"));
  readonly store = new BlobStore(this.layout);

  async open(descriptor: Descriptor): Promise<Ingest> {
    const ingest = await this.store.ingest(descriptor);
    assert.ok(ingest, "the blob is present already");
    return ingest;
  }

  blobs(): string[] {
    return [...filesIn(this.layout.tree("data")), ...filesIn(this.layout.tree("wasm"))];
  }

  partials(): string[] {
    return filesIn(join(this.layout.root, "partial"));
  }
}

Deno.test("an ingest cut anywhere, any number of times, ends with the original", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 0, maxLength: 4096 }),
      fc.array(fc.nat(4096), { maxLength: 6 }),
      fc.integer({ min: 1, max: 700 }),
      async (bytes, cuts, chunk) => {
        using bench = new Bench();
        const descriptor = describe(bytes);
        for (const cut of cuts) {
          const ingest = await bench.open(descriptor);
          const end = Math.max(ingest.offset, Math.min(cut, bytes.length));
          for (let at = ingest.offset; at < end; at += chunk) {
            ingest.write(bytes.subarray(at, Math.min(at + chunk, end)));
          }
          ingest.abort();
        }
        const last = await bench.open(descriptor);
        last.write(bytes.subarray(last.offset));
        assert.equal(await last.commit(), true);
        assert.deepEqual(Deno.readFileSync(bench.layout.blobOf(descriptor)), new Uint8Array(bytes));
        assert.deepEqual(bench.partials(), []);
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("an ingest goes on where the partial file ends", async () => {
  using bench = new Bench();
  const bytes = sampleBytes(1000);
  const first = await bench.open(describe(bytes));
  first.write(bytes.subarray(0, 400));
  first.abort();
  const second = await bench.open(describe(bytes));
  assert.equal(second.offset, 400);
  second.write(bytes.subarray(400));
  assert.equal(await second.commit(), true);
  assert.equal(await bench.store.ingest(describe(bytes)), undefined);
});

for (
  const [name, bytes, code] of [
    ["other bytes", sampleBytes(100, 2), "LDR_DIGEST_MISMATCH"],
    ["too few bytes", sampleBytes(99), "LDR_SIZE_MISMATCH"],
  ] as const
) {
  Deno.test(`nothing appears for ${name}, and discarding leaves nothing`, async () => {
    using bench = new Bench();
    const ingest = await bench.open(describe(sampleBytes(100)));
    ingest.write(bytes);
    await assert.rejects(ingest.commit(), (error) => hasCode(error, code));
    ingest.discard();
    assert.deepEqual([bench.blobs(), bench.partials()], [[], []]);
  });
}

Deno.test("bytes past the end are refused before they are written", async () => {
  using bench = new Bench();
  const ingest = await bench.open(describe(sampleBytes(100)));
  ingest.write(sampleBytes(100));
  assert.throws(() => ingest.write(new Uint8Array(1)), (e) => hasCode(e, "LDR_SIZE_MISMATCH"));
  ingest.discard();
});

Deno.test("a partial file longer than the blob is started over", async () => {
  using bench = new Bench();
  const descriptor = describe(sampleBytes(100));
  Deno.mkdirSync(join(bench.layout.root, "partial"), { recursive: true });
  Deno.writeFileSync(bench.layout.partial(descriptor.digest), sampleBytes(101));
  const ingest = await bench.open(descriptor);
  assert.equal(ingest.offset, 0);
  ingest.write(sampleBytes(100));
  assert.equal(await ingest.commit(), true);
});

Deno.test("restart forgets what came before", async () => {
  using bench = new Bench();
  const ingest = await bench.open(describe(sampleBytes(100)));
  ingest.write(sampleBytes(60, 9));
  ingest.restart();
  assert.equal(ingest.offset, 0);
  ingest.write(sampleBytes(100));
  assert.equal(await ingest.commit(), true);
});

Deno.test("aborting with nothing received leaves no file", async () => {
  using bench = new Bench();
  (await bench.open(describe(sampleBytes(10)))).abort();
  assert.deepEqual(bench.partials(), []);
});

Deno.test("a second ingest of a digest waits for the first and uses its result", async () => {
  using bench = new Bench();
  const bytes = sampleBytes(500);
  const first = await bench.open(describe(bytes));
  first.write(bytes);
  let waited = 0;
  const second = bench.store.ingest(describe(bytes), { waiting: () => waited++ });
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(await first.commit(), true);
  assert.equal(await second, undefined);
  assert.equal(waited, 1);
  assert.deepEqual(bench.partials(), []);
});

Deno.test("a second ingest goes on where the first gave up", async () => {
  using bench = new Bench();
  const bytes = sampleBytes(500);
  const first = await bench.open(describe(bytes));
  first.write(bytes.subarray(0, 123));
  const second = bench.store.ingest(describe(bytes));
  await new Promise((resolve) => setTimeout(resolve, 20));
  first.abort();
  const ingest = await second;
  assert.equal(ingest?.offset, 123);
  ingest?.abort();
});

Deno.test("waiting for another writer can be interrupted", async () => {
  using bench = new Bench();
  const first = await bench.open(describe(sampleBytes(5)));
  const stop = new AbortController();
  const second = bench.store.ingest(describe(sampleBytes(5)), { signal: stop.signal });
  stop.abort();
  await assert.rejects(second, (error) => hasCode(error, "LDR_INTERRUPTED"));
  first.abort();
});

Deno.test("where there are no locks, nobody writes to another process's partial file", async () => {
  using bench = new Bench();
  const bytes = sampleBytes(500);
  const descriptor = describe(bytes);
  const theirs = await bench.open(descriptor);
  theirs.write(bytes.subarray(0, 300));
  const { tryLockSync } = Deno.FsFile.prototype;
  Deno.FsFile.prototype.tryLockSync = () => {
    throw new Deno.errors.NotSupported("no locks here");
  };
  try {
    const first = await bench.open(descriptor);
    assert.equal(first.offset, 0);
    first.write(bytes.subarray(0, 100));
    first.abort();
    // This process goes on with its own, and writes to it once at a time.
    const second = await bench.open(descriptor);
    assert.equal(second.offset, 100);
    const waiting = Promise.withResolvers<void>();
    const third = bench.store.ingest(descriptor, { waiting: waiting.resolve });
    await waiting.promise;
    second.write(bytes.subarray(100));
    assert.equal(await second.commit(), true);
    assert.equal(await third, undefined);
  } finally {
    Deno.FsFile.prototype.tryLockSync = tryLockSync;
  }
  theirs.write(bytes.subarray(300));
  await theirs.commit();
  assert.deepEqual(Deno.readFileSync(bench.layout.blobOf(descriptor)), bytes);
  assert.deepEqual(bench.partials(), []);
});

for (const target of ["registry", "partial"]) {
  Deno.test(`a deleted ${target} folder makes commit say so, and nothing wrong appears`, async () => {
    using bench = new Bench();
    const bytes = sampleBytes(50);
    const ingest = await bench.open(describe(bytes));
    ingest.write(bytes);
    const folder = target === "registry" ? bench.layout.root : join(bench.layout.root, target);
    Deno.removeSync(folder, { recursive: true });
    assert.equal(await ingest.commit(), false);
    assert.deepEqual(bench.blobs(), []);
  });
}

Deno.test("another writer's file of the same name is not taken for our own", async () => {
  using bench = new Bench();
  const bytes = sampleBytes(50);
  const ours = await bench.open(describe(bytes));
  ours.write(bytes);
  Deno.removeSync(bench.layout.partial(describe(bytes).digest));
  const theirs = await bench.open(describe(bytes));
  theirs.write(bytes.subarray(0, 10));
  assert.equal(await ours.commit(), false);
  assert.deepEqual(bench.blobs(), []);
  theirs.write(bytes.subarray(10));
  assert.equal(await theirs.commit(), true);
});

Deno.test("sha512 and empty blobs are checked like any other", async () => {
  using bench = new Bench();
  for (const bytes of [new Uint8Array(0), sampleBytes(77)]) {
    const descriptor = describe(bytes, "application/wasm", "sha512");
    const ingest = await bench.open(descriptor);
    ingest.write(bytes);
    assert.equal(await ingest.commit(), true);
    assert.equal(bench.store.find(descriptor), bench.layout.blob("wasm", descriptor.digest));
  }
});

Deno.test(
  "files are private and folders are too",
  { ignore: Deno.build.os === "windows" },
  async () => {
    using bench = new Bench();
    const bytes = sampleBytes(5);
    const ingest = await bench.open(describe(bytes));
    ingest.write(bytes);
    await ingest.commit();
    const mode = (path: string) => Deno.statSync(path).mode! & 0o777;
    assert.equal(mode(bench.layout.blobOf(describe(bytes))), 0o600);
    assert.equal(mode(bench.layout.tree("data")), 0o700);
    assert.equal(mode(bench.layout.root), 0o700);
  },
);
