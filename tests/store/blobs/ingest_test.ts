import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { hasCode, LarderError } from "../../../src/base/errors.ts";
import type { Descriptor } from "../../../src/oci/descriptor.ts";
import { BlobStore } from "../../../src/store/blobs/blob_store.ts";
import type { Ingest } from "../../../src/store/blobs/ingest.ts";
import { pauseBeforeReopening } from "../../../src/store/blobs/partial_file.ts";
import { Layout } from "../../../src/store/layout.ts";
import { describe, filesIn, sampleBytes } from "../../support/cache/blobs.ts";
import { failureOf } from "../../support/failure_of.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

class Fixture extends TemporaryFolder {
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

Deno.test("Ingest writes the original after any number of aborts", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 0, maxLength: 4096 }),
      fc.array(fc.nat(4096), { maxLength: 6 }),
      fc.integer({ min: 1, max: 700 }),
      async (bytes, cuts, chunk) => {
        using fixture = new Fixture();
        const descriptor = describe(bytes);
        for (const cut of cuts) {
          const ingest = await fixture.open(descriptor);
          const end = Math.max(ingest.offset, Math.min(cut, bytes.length));
          for (let at = ingest.offset; at < end; at += chunk) {
            ingest.write(bytes.subarray(at, Math.min(at + chunk, end)));
          }
          ingest.abort();
        }
        const last = await fixture.open(descriptor);
        last.write(bytes.subarray(last.offset));
        assert.equal(await last.commit(), true);
        assert.deepEqual(
          Deno.readFileSync(fixture.layout.blobOf(descriptor)),
          new Uint8Array(bytes),
        );
        assert.deepEqual(fixture.partials(), []);
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("Ingest.stage verifies a blob that stays invisible, and a later ingest commits it as it is", async () => {
  using fixture = new Fixture();
  const bytes = sampleBytes(1000);
  const first = await fixture.open(describe(bytes));
  first.write(bytes);
  assert.equal(first.isStaged, false);
  await first.stage();
  assert.deepEqual([fixture.blobs().length, fixture.partials().length], [0, 1]);
  const again = await fixture.open(describe(bytes));
  assert.deepEqual([again.isStaged, again.offset], [true, bytes.length]);
  await again.stage();
  const last = await fixture.open(describe(bytes));
  assert.equal(await last.commit(), true);
  assert.deepEqual([fixture.blobs().length, fixture.partials().length], [1, 0]);
});

Deno.test("Ingest.stage refuses wrong content, and what it staged counts no more once it is written to", async () => {
  using fixture = new Fixture();
  const bytes = sampleBytes(1000);
  const wrong = await fixture.open(describe(bytes));
  wrong.write(sampleBytes(1000, 2));
  assert.equal((await failureOf(wrong.stage())).code, "LDR_DIGEST_MISMATCH");
  wrong.discard();
  const right = await fixture.open(describe(bytes));
  right.write(bytes);
  await right.stage();
  const path = fixture.layout.partial(describe(bytes).digest);
  Deno.writeFileSync(path, sampleBytes(1000, 2));
  const changed = await fixture.open(describe(bytes));
  assert.equal(changed.isStaged, false);
  assert.equal((await failureOf(changed.commit())).code, "LDR_DIGEST_MISMATCH");
  changed.discard();
});

Deno.test("Ingest.stage leaves an ingest open whose further check fails", async () => {
  using fixture = new Fixture();
  const bytes = sampleBytes(100);
  const ingest = await fixture.open(describe(bytes));
  ingest.write(bytes);
  const check = () => Promise.reject(new LarderError("LDR_BAD_ARCHIVE", "bad", { hint: "none" }));
  assert.equal((await failureOf(ingest.stage(check))).code, "LDR_BAD_ARCHIVE");
  ingest.discard();
  assert.deepEqual(fixture.partials(), []);
});

Deno.test("Ingest.open continues at the end of the partial file", async () => {
  using fixture = new Fixture();
  const bytes = sampleBytes(1000);
  const first = await fixture.open(describe(bytes));
  first.write(bytes.subarray(0, 400));
  first.abort();
  const second = await fixture.open(describe(bytes));
  assert.equal(second.offset, 400);
  second.write(bytes.subarray(400));
  assert.equal(await second.commit(), true);
  assert.equal(await fixture.store.ingest(describe(bytes)), undefined);
});

for (
  const [name, bytes, code] of [
    ["other bytes", sampleBytes(100, 2), "LDR_DIGEST_MISMATCH"],
    ["too few bytes", sampleBytes(99), "LDR_SIZE_MISMATCH"],
  ] as const
) {
  Deno.test(`Ingest.commit rejects ${name}, and discard removes the partial file`, async () => {
    using fixture = new Fixture();
    const ingest = await fixture.open(describe(sampleBytes(100)));
    ingest.write(bytes);
    await assert.rejects(ingest.commit(), (error) => hasCode(error, code));
    ingest.discard();
    assert.deepEqual([fixture.blobs(), fixture.partials()], [[], []]);
  });
}

Deno.test("Ingest.write rejects bytes past the size before writing them", async () => {
  using fixture = new Fixture();
  const ingest = await fixture.open(describe(sampleBytes(100)));
  ingest.write(sampleBytes(100));
  assert.throws(() => ingest.write(new Uint8Array(1)), (e) => hasCode(e, "LDR_SIZE_MISMATCH"));
  ingest.discard();
});

Deno.test("Ingest.open starts over if the partial file is longer than the blob", async () => {
  using fixture = new Fixture();
  const descriptor = describe(sampleBytes(100));
  Deno.mkdirSync(join(fixture.layout.root, "partial"), { recursive: true });
  Deno.writeFileSync(fixture.layout.partial(descriptor.digest), sampleBytes(101));
  const ingest = await fixture.open(descriptor);
  assert.equal(ingest.offset, 0);
  ingest.write(sampleBytes(100));
  assert.equal(await ingest.commit(), true);
});

Deno.test("Ingest.restart discards earlier bytes", async () => {
  using fixture = new Fixture();
  const ingest = await fixture.open(describe(sampleBytes(100)));
  ingest.write(sampleBytes(60, 9));
  ingest.restart();
  assert.equal(ingest.offset, 0);
  ingest.write(sampleBytes(100));
  assert.equal(await ingest.commit(), true);
});

Deno.test("Ingest.abort removes an empty partial file", async () => {
  using fixture = new Fixture();
  (await fixture.open(describe(sampleBytes(10)))).abort();
  assert.deepEqual(fixture.partials(), []);
});

Deno.test("BlobStore.ingest waits for another ingest of the digest, and uses its result", async () => {
  using fixture = new Fixture();
  const bytes = sampleBytes(500);
  const first = await fixture.open(describe(bytes));
  first.write(bytes);
  let waited = 0;
  const second = fixture.store.ingest(describe(bytes), { waiting: () => waited++ });
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(await first.commit(), true);
  assert.equal(await second, undefined);
  assert.equal(waited, 1);
  assert.deepEqual(fixture.partials(), []);
});

Deno.test("BlobStore.ingest continues where another ingest was aborted", async () => {
  using fixture = new Fixture();
  const bytes = sampleBytes(500);
  const first = await fixture.open(describe(bytes));
  first.write(bytes.subarray(0, 123));
  const second = fixture.store.ingest(describe(bytes));
  await new Promise((resolve) => setTimeout(resolve, 20));
  first.abort();
  const ingest = await second;
  assert.equal(ingest?.offset, 123);
  ingest?.abort();
});

Deno.test("BlobStore.ingest stops waiting for another writer on an abort", async () => {
  using fixture = new Fixture();
  const first = await fixture.open(describe(sampleBytes(5)));
  const stop = new AbortController();
  const second = fixture.store.ingest(describe(sampleBytes(5)), { signal: stop.signal });
  stop.abort();
  await assert.rejects(second, (error) => hasCode(error, "LDR_INTERRUPTED"));
  first.abort();
});

Deno.test("BlobStore.ingest uses its own partial file on a file system without locks", async () => {
  using fixture = new Fixture();
  const bytes = sampleBytes(500);
  const descriptor = describe(bytes);
  const theirs = await fixture.open(descriptor);
  theirs.write(bytes.subarray(0, 300));
  const { tryLockSync } = Deno.FsFile.prototype;
  Deno.FsFile.prototype.tryLockSync = () => {
    throw new Deno.errors.NotSupported("no locks here");
  };
  try {
    const first = await fixture.open(descriptor);
    assert.equal(first.offset, 0);
    first.write(bytes.subarray(0, 100));
    first.abort();
    // This process continues its own partial file, with one writer at a time.
    const second = await fixture.open(descriptor);
    assert.equal(second.offset, 100);
    const waiting = Promise.withResolvers<void>();
    const third = fixture.store.ingest(descriptor, { waiting: () => waiting.resolve() });
    await waiting.promise;
    second.write(bytes.subarray(100));
    assert.equal(await second.commit(), true);
    assert.equal(await third, undefined);
  } finally {
    Deno.FsFile.prototype.tryLockSync = tryLockSync;
  }
  theirs.write(bytes.subarray(300));
  await theirs.commit();
  assert.deepEqual(Deno.readFileSync(fixture.layout.blobOf(descriptor)), bytes);
  assert.deepEqual(fixture.partials(), []);
});

Deno.test("BlobStore.ingest does not wait for a writer that makes no progress", async () => {
  using fixture = new Fixture();
  const bytes = sampleBytes(500);
  const descriptor = describe(bytes);
  const theirs = await fixture.open(descriptor);
  theirs.write(bytes.subarray(0, 300));
  const own = await fixture.store.ingest(descriptor, { stall: 0 });
  assert.equal(own!.offset, 0);
  own!.write(bytes);
  assert.equal(await own!.commit(), true);
  theirs.write(bytes.subarray(300));
  assert.equal(await theirs.commit(), true);
  assert.deepEqual(Deno.readFileSync(fixture.layout.blobOf(descriptor)), bytes);
  assert.deepEqual(fixture.partials(), []);
});

Deno.test("BlobStore.ingest does not wait again for a process that it has given up", async () => {
  using fixture = new Fixture();
  const bytes = sampleBytes(1000);
  const descriptor = describe(bytes);
  const theirs = await fixture.open(descriptor);
  theirs.write(bytes.subarray(0, 300));
  const first = await fixture.store.ingest(descriptor, { stall: 0 });
  first!.write(bytes.subarray(0, 500));
  first!.abort();
  const abort = new AbortController();
  const second = await fixture.store.ingest(descriptor, {
    signal: abort.signal,
    waiting: () => abort.abort(),
  });
  assert.equal(second!.offset, 500);
  second!.write(bytes.subarray(500));
  assert.equal(await second!.commit(), true);
  theirs.abort();
});

for (const leadsTo of ["a file", "nothing"]) {
  Deno.test(`BlobStore.ingest replaces a partial file that is a link to ${leadsTo}`, async () => {
    using fixture = new Fixture();
    const bytes = sampleBytes(50);
    const descriptor = describe(bytes);
    const partial = fixture.layout.partial(descriptor.digest);
    Deno.mkdirSync(dirname(partial), { recursive: true });
    const file = join(fixture.layout.root, "other", "file");
    if (leadsTo === "a file") {
      Deno.mkdirSync(dirname(file));
      Deno.writeTextFileSync(file, "precious");
    }
    Deno.symlinkSync(file, partial);
    const ingest = await fixture.open(descriptor);
    ingest.write(bytes);
    assert.equal(await ingest.commit(), true);
    if (leadsTo === "a file") assert.equal(Deno.readTextFileSync(file), "precious");
  });
}

Deno.test("pauseBeforeReopening gives up, and ends at an abort", async () => {
  using fixture = new Fixture();
  const path = join(fixture.layout.partials, "file");
  const failure = await failureOf(pauseBeforeReopening(path, 600, undefined));
  assert.equal(failure.code, "LDR_DISK");
  const aborted = await failureOf(pauseBeforeReopening(path, 1, AbortSignal.abort()));
  assert.equal(aborted.code, "LDR_INTERRUPTED");
});

for (const target of ["registry", "partial"]) {
  Deno.test(`Ingest.commit returns false if the ${target} folder was deleted`, async () => {
    using fixture = new Fixture();
    const bytes = sampleBytes(50);
    const ingest = await fixture.open(describe(bytes));
    ingest.write(bytes);
    const folder = target === "registry" ? fixture.layout.root : join(fixture.layout.root, target);
    Deno.removeSync(folder, { recursive: true });
    assert.equal(await ingest.commit(), false);
    assert.deepEqual(fixture.blobs(), []);
  });
}

Deno.test("Ingest.commit does not commit the partial file of another writer", async () => {
  using fixture = new Fixture();
  const bytes = sampleBytes(50);
  const ours = await fixture.open(describe(bytes));
  ours.write(bytes);
  Deno.removeSync(fixture.layout.partial(describe(bytes).digest));
  const theirs = await fixture.open(describe(bytes));
  theirs.write(bytes.subarray(0, 10));
  assert.equal(await ours.commit(), false);
  assert.deepEqual(fixture.blobs(), []);
  theirs.write(bytes.subarray(10));
  assert.equal(await theirs.commit(), true);
});

Deno.test("Ingest writes sha512 blobs and empty blobs", async () => {
  using fixture = new Fixture();
  for (const bytes of [new Uint8Array(0), sampleBytes(77)]) {
    const descriptor = describe(bytes, "application/wasm", "sha512");
    const ingest = await fixture.open(descriptor);
    ingest.write(bytes);
    assert.equal(await ingest.commit(), true);
    assert.equal(fixture.store.find(descriptor), fixture.layout.blob("wasm", descriptor.digest));
  }
});

Deno.test(
  "Ingest creates files with mode 0600 and folders with mode 0700",
  { ignore: Deno.build.os === "windows" },
  async () => {
    using fixture = new Fixture();
    const bytes = sampleBytes(5);
    const ingest = await fixture.open(describe(bytes));
    ingest.write(bytes);
    await ingest.commit();
    const mode = (path: string) => Deno.statSync(path).mode! & 0o777;
    assert.equal(mode(fixture.layout.blobOf(describe(bytes))), 0o600);
    assert.equal(mode(fixture.layout.tree("data")), 0o700);
    assert.equal(mode(fixture.layout.root), 0o700);
  },
);
