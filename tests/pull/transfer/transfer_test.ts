import assert from "node:assert/strict";
import { join } from "node:path";
import { hasCode, LarderError } from "../../../src/base/errors.ts";
import { TRIES } from "../../../src/base/tries.ts";
import { sizeMismatch } from "../../../src/oci/content_verifier.ts";
import type { BlobStream, Fetcher } from "../../../src/oci/fetcher.ts";
import { PROGRESS_RESETS_TRIES, transfer } from "../../../src/pull/transfer/transfer.ts";
import { BlobStore } from "../../../src/store/blobs/blob_store.ts";
import { Layout } from "../../../src/store/layout.ts";
import { describe, filesIn, sampleBytes } from "../../support/cache/blobs.ts";
import { FakeClock } from "../../support/fake_clock.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

const BYTES = sampleBytes(1000);
const DESCRIPTOR = describe(BYTES);

type Step = (offset: number) => BlobStream;

/** Plays its steps in order, the last one repeatedly, and records the requested offsets. */
class Script implements Fetcher {
  readonly offsets: number[] = [];
  readonly #steps: Step[];

  constructor(...steps: Step[]) {
    this.#steps = steps;
  }

  // deno-lint-ignore require-await
  async fetch(_descriptor: unknown, offset = 0): Promise<BlobStream> {
    const step = this.#steps[Math.min(this.offsets.length, this.#steps.length - 1)]!;
    this.offsets.push(offset);
    return step(offset);
  }
}

const broken = () => new LarderError("LDR_UNREACHABLE", "connection reset", { hint: "x" });

function sends(bytes: Uint8Array, offset: number, end?: () => Error): BlobStream {
  return {
    offset,
    chunks: (async function* () {
      for (let at = 0; at < bytes.length; at += 100) yield bytes.subarray(at, at + 100);
      if (end) throw end();
    })(),
  };
}

const good: Step = (offset) => sends(BYTES.subarray(offset), offset);
const breaksAfter = (count: number): Step => (offset) =>
  sends(BYTES.subarray(offset, offset + count), offset, broken);
const ignoresRange: Step = () => sends(BYTES, 0);
const endsEarly: Step = (offset) => sends(BYTES.subarray(offset, 700), offset);
const wrong: Step = (offset) => sends(sampleBytes(1000, 5).subarray(offset), offset);
const fails: Step = () => {
  throw broken();
};
/** As the client fails if the announced length is not the blob's. */
const otherPage: Step = () => {
  throw sizeMismatch(DESCRIPTOR, "another page");
};

class TransferFixture extends TemporaryFolder {
  readonly layout = new Layout(join(this.path, "registry"));
  readonly store = new BlobStore(this.layout);
  readonly clock = new FakeClock();

  run(source: Fetcher, descriptor = DESCRIPTOR): Promise<number | undefined> {
    return transfer(source, descriptor, () => this.store.ingest(descriptor), { clock: this.clock });
  }

  /** Leaves a partial file, as a killed process does. */
  leavePartial(bytes: Uint8Array): void {
    Deno.mkdirSync(join(this.layout.root, "partial"), { recursive: true });
    Deno.writeFileSync(this.layout.partial(DESCRIPTOR.digest), bytes);
  }

  assertHas(): void {
    assert.deepEqual(Deno.readFileSync(this.layout.blobOf(DESCRIPTOR)), BYTES);
    assert.deepEqual(filesIn(join(this.layout.root, "partial")), []);
  }
}

Deno.test("transfer tells that a blob has been received once all bytes are there, before it is committed", async () => {
  using fixture = new TransferFixture();
  const events: string[] = [];
  const prepare = () => Promise.resolve(void events.push("committed"));
  await transfer(
    new Script(breaksAfter(300), good),
    DESCRIPTOR,
    () => fixture.store.ingest(DESCRIPTOR, { prepare }),
    { clock: fixture.clock, onReceived: () => events.push("received") },
  );
  assert.deepEqual(events, ["received", "committed"]);
});

for (
  const [name, steps, offsets, received] of [
    ["in one try", [good], [0], 1000],
    ["after a break, from the offset", [breaksAfter(300), good], [0, 300], 1000],
    ["after several breaks", [breaksAfter(300), breaksAfter(300), good], [0, 300, 600], 1000],
    ["after an early end, from the offset", [endsEarly, good], [0, 700], 1000],
    [
      "from the start if the server ignores ranges",
      [breaksAfter(300), ignoresRange],
      [0, 300],
      1300,
    ],
    ["after other responses, from the offset", [breaksAfter(300), otherPage, otherPage, good], [
      0,
      300,
      300,
      300,
    ], 1000],
    ["after refused connections", [fails, fails, good], [0, 0, 0], 1000],
  ] as const
) {
  Deno.test(`transfer fetches a blob ${name}`, async () => {
    using fixture = new TransferFixture();
    const source = new Script(...steps);
    assert.equal(await fixture.run(source), received);
    assert.deepEqual(source.offsets, offsets);
    fixture.assertHas();
  });
}

Deno.test("transfer continues the partial file of an earlier process", async () => {
  using fixture = new TransferFixture();
  fixture.leavePartial(BYTES.subarray(0, 450));
  const source = new Script(good);
  assert.equal(await fixture.run(source), 550);
  assert.deepEqual(source.offsets, [450]);
  fixture.assertHas();
});

Deno.test("transfer sends no request for a complete partial file", async () => {
  using fixture = new TransferFixture();
  fixture.leavePartial(BYTES);
  const source = new Script(fails);
  assert.equal(await fixture.run(source), 0);
  assert.deepEqual(source.offsets, []);
  fixture.assertHas();
});

Deno.test("transfer discards a damaged partial file and fetches the whole blob", async () => {
  using fixture = new TransferFixture();
  fixture.leavePartial(sampleBytes(450, 77));
  const source = new Script(good);
  assert.equal(await fixture.run(source), 1550);
  assert.deepEqual(source.offsets, [450, 0]);
  fixture.assertHas();
});

Deno.test("transfer fetches wrong bytes once more if they came in parts", async () => {
  using fixture = new TransferFixture();
  let areParts = true;
  const stopSplitting = () => [areParts, areParts = false][0]!;
  const source = Object.assign(new Script(wrong, good), { stopSplitting });
  assert.equal(await fixture.run(source), 2000);
  fixture.assertHas();
  areParts = true;
  const wrongAgain = Object.assign(new Script(wrong), { stopSplitting });
  using other = new TransferFixture();
  await assert.rejects(other.run(wrongAgain), (error) => hasCode(error, "LDR_DIGEST_MISMATCH"));
  assert.deepEqual(wrongAgain.offsets, [0, 0]);
});

for (
  const [name, source, code, requests] of [
    ["wrong bytes", new Script(wrong), "LDR_DIGEST_MISMATCH", 1],
    ["a response of another size", new Script(otherPage), "LDR_SIZE_MISMATCH", 1],
    ["an early end in every try", new Script(endsEarly), "LDR_SIZE_MISMATCH", TRIES],
    ["a server that never answers", new Script(fails), "LDR_UNREACHABLE", TRIES],
  ] as const
) {
  Deno.test(`transfer fails with ${code} and leaves no file after ${name}`, async () => {
    using fixture = new TransferFixture();
    await assert.rejects(fixture.run(source), (error) => hasCode(error, code));
    assert.equal(source.offsets.length, requests);
    assert.deepEqual(filesIn(fixture.layout.tree("data")), []);
    assert.deepEqual(filesIn(join(fixture.layout.root, "partial")), []);
  });
}

Deno.test("transfer keeps the partial file after the last try", async () => {
  using fixture = new TransferFixture();
  const source = new Script(breaksAfter(100));
  await assert.rejects(fixture.run(source), (error) => hasCode(error, "LDR_UNREACHABLE"));
  assert.deepEqual(source.offsets, [0, 100, 200, 300, 400]);
  assert.equal(Deno.statSync(fixture.layout.partial(DESCRIPTOR.digest)).size, 500);
});

Deno.test("transfer keeps the partial file after responses of another size", async () => {
  using fixture = new TransferFixture();
  fixture.leavePartial(BYTES.subarray(0, 450));
  const source = new Script(otherPage);
  await assert.rejects(fixture.run(source), (error) => hasCode(error, "LDR_SIZE_MISMATCH"));
  assert.deepEqual(source.offsets, Array(TRIES).fill(450));
  assert.equal(Deno.statSync(fixture.layout.partial(DESCRIPTOR.digest)).size, 450);
});

Deno.test("transfer keeps the partial file after an empty response", async () => {
  using fixture = new TransferFixture();
  fixture.leavePartial(BYTES.subarray(0, 450));
  const source = new Script(() => sends(new Uint8Array(0), 0), good);
  assert.equal(await fixture.run(source), 550);
  assert.deepEqual(source.offsets, [450, 450]);
  fixture.assertHas();
});

Deno.test("transfer releases the source if the disk fails on a restart", async () => {
  using fixture = new TransferFixture();
  fixture.leavePartial(BYTES.subarray(0, 450));
  let isReleased = false;
  const source = new Script(() => ({
    offset: 0,
    chunks: (async function* () {
      try {
        yield BYTES;
      } finally {
        isReleased = true;
      }
    })(),
  }));
  const own = Deno.FsFile.prototype.truncateSync;
  Deno.FsFile.prototype.truncateSync = () => {
    throw Object.assign(new Error("no space left"), { code: "ENOSPC" });
  };
  try {
    await assert.rejects(fixture.run(source), (error) => hasCode(error, "LDR_DISK_FULL"));
  } finally {
    Deno.FsFile.prototype.truncateSync = own;
  }
  assert.equal(isReleased, true);
});

Deno.test("transfer resets the count of tries after progress, but not after the same bytes", async () => {
  const step = PROGRESS_RESETS_TRIES;
  const bytes = sampleBytes(TRIES * 2 * step);
  const chunk = (from: number, offset: number) => ({
    offset,
    chunks: (async function* () {
      yield bytes.subarray(from, from + step);
      if (from + step < bytes.length) throw broken();
    })(),
  });
  {
    using fixture = new TransferFixture();
    const continues = new Script((offset) => chunk(offset, offset));
    assert.equal(await fixture.run(continues, describe(bytes)), bytes.length);
  }
  using fixture = new TransferFixture();
  const restarts: Script = new Script(() => {
    if (restarts.offsets.length > 2 * TRIES) throw new Error("the tries do not end");
    return chunk(0, 0);
  });
  await assert.rejects(
    fixture.run(restarts, describe(bytes)),
    (error) => hasCode(error, "LDR_UNREACHABLE"),
  );
  assert.equal(restarts.offsets.length, TRIES);
});

Deno.test("transfer pauses longer after each failure", async () => {
  using fixture = new TransferFixture();
  await assert.rejects(fixture.run(new Script(fails)));
  assert.deepEqual(fixture.clock.sleeps, [125, 250, 500, 1000]);
});

Deno.test("transfer sends no request for a blob that is present", async () => {
  using fixture = new TransferFixture();
  await fixture.run(new Script(good));
  assert.equal(await fixture.run(new Script(fails)), undefined);
});
