/** The blobs that are large enough to be hashed in a thread of their own. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { hasCode } from "../../../src/base/errors.ts";
import { BlobStore } from "../../../src/store/blobs/blob_store.ts";
import { BACKGROUND_HASH_SIZE, type Ingest } from "../../../src/store/blobs/ingest.ts";
import { Layout } from "../../../src/store/layout.ts";
import { describe, filesIn, sampleBytes } from "../../support/cache/blobs.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

const BYTES = sampleBytes(BACKGROUND_HASH_SIZE + 12_345);
const DESCRIPTOR = describe(BYTES);
const CHUNK = 700_001;

class Bench extends TemporaryFolder {
  readonly layout = new Layout(join(this.path, "registry"));
  readonly store = new BlobStore(this.layout);

  async open(descriptor = DESCRIPTOR): Promise<Ingest> {
    const ingest = await this.store.ingest(descriptor);
    assert.ok(ingest, "the blob is present already");
    return ingest;
  }

  get partial(): string {
    return this.layout.partial(DESCRIPTOR.digest);
  }

  assertWhole(): void {
    assert.deepEqual(Deno.readFileSync(this.layout.blobOf(DESCRIPTOR)), BYTES);
  }

  assertNothing(): void {
    assert.deepEqual(filesIn(this.layout.tree("data")), []);
  }
}

function write(ingest: Ingest, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += CHUNK) {
    const chunk = bytes.slice(at, at + CHUNK);
    ingest.write(chunk);
    chunk.fill(0xff); // As the source does with its buffer.
  }
}

Deno.test("a large blob comes out as it went in", async () => {
  using bench = new Bench();
  const ingest = await bench.open();
  write(ingest, BYTES);
  assert.equal(await ingest.commit(), true);
  bench.assertWhole();
});

Deno.test("several large blobs at once share the thread", async () => {
  using bench = new Bench();
  const others = [2, 3, 4].map((seed) => sampleBytes(BACKGROUND_HASH_SIZE, seed));
  const committed = await Promise.all(others.map(async (bytes) => {
    const ingest = await bench.open(describe(bytes, undefined, "sha512"));
    write(ingest, bytes);
    return await ingest.commit();
  }));
  assert.deepEqual(committed, [true, true, true]);
});

Deno.test("a large blob with one changed byte is refused and leaves nothing", async () => {
  using bench = new Bench();
  const ingest = await bench.open();
  const wrong = BYTES.slice();
  wrong[BYTES.length - 1]! ^= 1;
  write(ingest, wrong);
  await assert.rejects(ingest.commit(), (error) => hasCode(error, "LDR_DIGEST_MISMATCH"));
  ingest.discard();
  bench.assertNothing();
});

Deno.test("a large blob that is cut goes on from there, and is hashed from its beginning", async () => {
  using bench = new Bench();
  const first = await bench.open();
  write(first, BYTES.subarray(0, 5_000_000));
  first.abort();
  const second = await bench.open();
  assert.equal(second.offset, 5_000_000);
  write(second, BYTES.subarray(5_000_000));
  assert.equal(await second.commit(), true);
  bench.assertWhole();
});

Deno.test("damage to what an earlier try left of a large blob is found", async () => {
  using bench = new Bench();
  const first = await bench.open();
  write(first, BYTES.subarray(0, 5_000_000));
  first.abort();
  using file = Deno.openSync(bench.partial, { write: true });
  file.writeSync(new Uint8Array([BYTES[0]! ^ 1]));
  const second = await bench.open();
  write(second, BYTES.subarray(5_000_000));
  await assert.rejects(second.commit(), (error) => hasCode(error, "LDR_DIGEST_MISMATCH"));
  second.discard();
  bench.assertNothing();
});

Deno.test("a large blob can be started over", async () => {
  using bench = new Bench();
  const ingest = await bench.open();
  write(ingest, sampleBytes(3_000_000, 9));
  ingest.restart();
  write(ingest, BYTES);
  assert.equal(await ingest.commit(), true);
  bench.assertWhole();
});

Deno.test("a large blob whose file is deleted meanwhile is not committed", async () => {
  using bench = new Bench();
  const ingest = await bench.open();
  write(ingest, BYTES.subarray(0, 100_000));
  Deno.removeSync(bench.layout.root, { recursive: true });
  write(ingest, BYTES.subarray(100_000));
  assert.equal(await ingest.commit(), false);
  bench.assertNothing();
});

Deno.test("another writer's file in the place of a large blob's is not taken for it", async () => {
  using bench = new Bench();
  const ours = await bench.open();
  write(ours, BYTES);
  Deno.removeSync(bench.partial);
  const theirs = await bench.open();
  write(theirs, BYTES.subarray(0, 100_000));
  assert.equal(await ours.commit(), false);
  bench.assertNothing();
  write(theirs, BYTES.subarray(100_000));
  assert.equal(await theirs.commit(), true);
  bench.assertWhole();
});
