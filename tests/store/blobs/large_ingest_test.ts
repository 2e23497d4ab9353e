/** Blobs that are large enough to be hashed in another thread. */
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

class Fixture extends TemporaryFolder {
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

  assertCommitted(): void {
    assert.deepEqual(Deno.readFileSync(this.layout.blobOf(DESCRIPTOR)), BYTES);
  }

  assertNotCommitted(): void {
    assert.deepEqual(filesIn(this.layout.tree("data")), []);
  }
}

function write(ingest: Ingest, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += CHUNK) {
    const chunk = bytes.slice(at, at + CHUNK);
    ingest.write(chunk);
    chunk.fill(0xff); // A source reuses its buffer.
  }
}

Deno.test("Ingest writes a large blob", async () => {
  using fixture = new Fixture();
  const ingest = await fixture.open();
  write(ingest, BYTES);
  assert.equal(await ingest.commit(), true);
  fixture.assertCommitted();
});

Deno.test("Ingest of several large blobs at once shares the thread", async () => {
  using fixture = new Fixture();
  const others = [2, 3, 4].map((seed) => sampleBytes(BACKGROUND_HASH_SIZE, seed));
  const committed = await Promise.all(others.map(async (bytes) => {
    const ingest = await fixture.open(describe(bytes, undefined, "sha512"));
    write(ingest, bytes);
    return await ingest.commit();
  }));
  assert.deepEqual(committed, [true, true, true]);
});

Deno.test("Ingest.commit rejects a large blob with one changed byte", async () => {
  using fixture = new Fixture();
  const ingest = await fixture.open();
  const wrong = BYTES.slice();
  wrong[BYTES.length - 1]! ^= 1;
  write(ingest, wrong);
  await assert.rejects(ingest.commit(), (error) => hasCode(error, "LDR_DIGEST_MISMATCH"));
  ingest.discard();
  fixture.assertNotCommitted();
});

Deno.test("Ingest continues a large blob, and hashes it from the beginning", async () => {
  using fixture = new Fixture();
  const first = await fixture.open();
  write(first, BYTES.subarray(0, 5_000_000));
  first.abort();
  const second = await fixture.open();
  assert.equal(second.offset, 5_000_000);
  write(second, BYTES.subarray(5_000_000));
  assert.equal(await second.commit(), true);
  fixture.assertCommitted();
});

Deno.test("Ingest.commit finds damage in the bytes that an earlier attempt left", async () => {
  using fixture = new Fixture();
  const first = await fixture.open();
  write(first, BYTES.subarray(0, 5_000_000));
  first.abort();
  using file = Deno.openSync(fixture.partial, { write: true });
  file.writeSync(new Uint8Array([BYTES[0]! ^ 1]));
  const second = await fixture.open();
  write(second, BYTES.subarray(5_000_000));
  await assert.rejects(second.commit(), (error) => hasCode(error, "LDR_DIGEST_MISMATCH"));
  second.discard();
  fixture.assertNotCommitted();
});

Deno.test("Ingest.restart discards earlier bytes of a large blob", async () => {
  using fixture = new Fixture();
  const ingest = await fixture.open();
  write(ingest, sampleBytes(3_000_000, 9));
  ingest.restart();
  write(ingest, BYTES);
  assert.equal(await ingest.commit(), true);
  fixture.assertCommitted();
});

Deno.test("Ingest.commit returns false if the file of a large blob was deleted", async () => {
  using fixture = new Fixture();
  const ingest = await fixture.open();
  write(ingest, BYTES.subarray(0, 100_000));
  Deno.removeSync(fixture.layout.root, { recursive: true });
  write(ingest, BYTES.subarray(100_000));
  assert.equal(await ingest.commit(), false);
  fixture.assertNotCommitted();
});

Deno.test("Ingest.commit does not commit the file of another writer of a large blob", async () => {
  using fixture = new Fixture();
  const ours = await fixture.open();
  write(ours, BYTES);
  Deno.removeSync(fixture.partial);
  const theirs = await fixture.open();
  write(theirs, BYTES.subarray(0, 100_000));
  assert.equal(await ours.commit(), false);
  fixture.assertNotCommitted();
  write(theirs, BYTES.subarray(100_000));
  assert.equal(await theirs.commit(), true);
  fixture.assertCommitted();
});
