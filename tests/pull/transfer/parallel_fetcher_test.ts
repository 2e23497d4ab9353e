import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { hasCode, LarderError, throwIfAborted } from "../../../src/base/errors.ts";
import type { BlobDescriptor } from "../../../src/oci/descriptor.ts";
import type { BlobStream, Fetcher, FetchOptions } from "../../../src/oci/fetcher.ts";
import { ParallelFetcher } from "../../../src/pull/transfer/parallel_fetcher.ts";
import { BlobConnections, rangeOf } from "../../../src/pull/transfer/range_reader.ts";
import { describe, sampleBytes } from "../../support/cache/blobs.ts";
import { FakeClock } from "../../support/fake_clock.ts";

const RANGE = rangeOf(0);
const BYTES = sampleBytes(20 * RANGE);
const DESCRIPTOR = describe(BYTES);
const CHUNK = RANGE / 4;

/** What a request gets: the bytes asked for, all bytes from the start, and so on. */
type Answer =
  | "range"
  | "whole"
  | "other range"
  | "refused"
  | "broken"
  | "broken at once"
  | "too much";

/** `1-2` for bytes counted in ranges, `1-` for a request without an end; in parentheses if it is optional. */
function nameOf(start: number, { end, once }: FetchOptions): string {
  const text = `${start / RANGE}-${end === undefined ? "" : end / RANGE}`;
  return once ? `(${text})` : text;
}

const broken = () => new LarderError("LDR_UNREACHABLE", "connection reset", { hint: "h" });

/** A source whose chunks take their time, and which counts its connections. */
class SlowSource implements Fetcher {
  readonly requests: string[] = [];
  readonly clock = new FakeClock();
  chunkSize = CHUNK;
  /** Milliseconds for each chunk. */
  pause = 60;
  /** The answers to requests by name; a range by default. */
  answer: (request: string, open: number) => Answer = () => "range";
  /** Delays the first chunk. */
  delay: (request: string) => Promise<void> = () => Promise.resolve();
  open = 0;
  mostOpen = 0;

  async fetch(
    _descriptor: BlobDescriptor,
    offset = 0,
    options: FetchOptions = {},
  ): Promise<BlobStream> {
    throwIfAborted(options.signal);
    const name = nameOf(offset, options);
    this.requests.push(name);
    this.mostOpen = Math.max(this.mostOpen, ++this.open);
    const answer = this.answer(name, this.open);
    await this.delay(name);
    if (answer === "refused") {
      this.open--;
      throw broken();
    }
    const start = answer === "whole" ? 0 : answer === "other range" ? offset - 1 : offset;
    const end = answer === "whole" ? undefined : options.end;
    return { offset: start, end, chunks: this.#chunks(start, end, answer, options.signal) };
  }

  async *#chunks(
    start: number,
    end = BYTES.length,
    answer: Answer,
    signal?: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    try {
      const sent = answer === "too much" ? end + 10 : end;
      for (let at = start; at < sent; at += this.chunkSize) {
        throwIfAborted(signal);
        if (answer === "broken at once" || (answer === "broken" && at > start)) throw broken();
        await Promise.resolve();
        this.clock.time += this.pause;
        yield BYTES.subarray(at, Math.min(sent, at + this.chunkSize));
      }
    } finally {
      await Promise.resolve();
      this.open--;
    }
  }
}

class ParallelFixture {
  readonly source = new SlowSource();
  readonly connections = new BlobConnections();
  readonly most: number;
  readonly fetcher: ParallelFetcher;

  constructor(most = 4) {
    this.most = most;
    this.connections.reserve(1);
    const { clock } = this.source;
    this.fetcher = new ParallelFetcher(this.source, { clock, connections: this.connections, most });
  }

  /** Fetches the rest of the blob, and checks what has to hold in every case. */
  async fetch(offset = 0, options: FetchOptions = {}): Promise<void> {
    const chunks: Uint8Array[] = [];
    try {
      const stream = await this.fetcher.fetch(DESCRIPTOR, offset, options);
      for await (const chunk of stream.chunks) chunks.push(chunk.slice());
    } finally {
      this.assertReleased();
    }
    assert.ok(Buffer.concat(chunks).equals(BYTES.subarray(offset)), "other bytes");
  }

  assertReleased(): void {
    assert.equal(this.source.open, 0);
    assert.ok(this.source.mostOpen <= this.most, `${this.source.mostOpen} connections`);
    assert.deepEqual([this.connections.areSpare(1), this.connections.areSpare(2)], [false, true]);
  }
}

Deno.test("ParallelFetcher requests ranges ahead on a slow line", async () => {
  const fixture = new ParallelFixture();
  await fixture.fetch();
  const { requests, mostOpen } = fixture.source;
  assert.deepEqual(requests, [
    "0-1",
    ...Array.from({ length: 19 }, (_, i) => `(${i + 1}-${i + 2})`),
  ]);
  assert.equal(mostOpen, 4);
});

Deno.test("ParallelFetcher requests the rest of a blob at once on a fast line", async () => {
  const fixture = new ParallelFixture();
  fixture.source.pause = 5;
  await fixture.fetch();
  assert.deepEqual(fixture.source.requests, ["0-1", "1-"]);
});

Deno.test("ParallelFetcher does not take a slow consumer for a slow line", async () => {
  const { fetcher, source } = new ParallelFixture();
  source.pause = 0;
  const { chunks } = await fetcher.fetch(DESCRIPTOR);
  for await (const _ of chunks) source.clock.time += 1000;
  assert.deepEqual(source.requests, ["0-1", "1-"]);
});

Deno.test("ParallelFetcher cuts the stream of a line that becomes slow", async () => {
  const fixture = new ParallelFixture();
  fixture.source.pause = 1;
  fixture.source.answer = (request) => {
    if (request === "1-") fixture.source.pause = 300;
    return "range";
  };
  await fixture.fetch();
  assert.deepEqual(fixture.source.requests.slice(0, 3), ["0-1", "1-", "(2-3)"]);
});

Deno.test("ParallelFetcher requests a blob as one stream without a spare connection", async () => {
  const fixture = new ParallelFixture(1);
  await fixture.fetch();
  assert.deepEqual(fixture.source.requests, ["0-"]);
});

Deno.test("ParallelFetcher uses connections that become spare", async () => {
  const fixture = new ParallelFixture();
  const { connections, source } = fixture;
  connections.reserve(3);
  source.answer = (request) => {
    if (request === "0-") connections.release(3);
    return "range";
  };
  await fixture.fetch();
  assert.deepEqual(source.requests.slice(0, 3), ["0-", "(1.25-2.25)", "(2.25-3.25)"]);
});

Deno.test("ParallelFetcher requests a small rest as one stream", async () => {
  const fixture = new ParallelFixture();
  await fixture.fetch(5 * RANGE);
  assert.deepEqual(fixture.source.requests, ["5-"]);
});

/** Name, answers by request, and the request for what is missing, if it is always the same. */
const FAULTS: [string, Record<string, Answer>, string?][] = [
  ["a range that is refused", { "(2-3)": "refused" }, "2-3"],
  ["a range that breaks off", { "(1-2)": "broken" }, "1.25-2"],
  ["a range that breaks off at once", { "(1-2)": "broken at once" }],
  ["another range", { "(1-2)": "other range" }],
  ["the whole blob for a range", { "(3-4)": "whole" }],
  ["more bytes than asked for", { "0-1": "too much", "(2-3)": "too much" }],
  ["faults of all ranges", {
    "(1-2)": "refused",
    "(2-3)": "refused",
    "(3-4)": "broken",
    "(4-5)": "whole",
    "(5-6)": "broken at once",
  }],
];

for (const [name, answers, request] of FAULTS) {
  Deno.test(`ParallelFetcher delivers a blob after ${name}`, async () => {
    const fixture = new ParallelFixture();
    const { source } = fixture;
    source.answer = (request) => answers[request] ?? "range";
    await fixture.fetch();
    if (request) assert.ok(source.requests.includes(request), source.requests.join(" "));
    assert.ok(source.requests.length <= 26, source.requests.join(" "));
  });
}

Deno.test("ParallelFetcher goes on with other ranges while one is late, within its memory", async () => {
  const fixture = new ParallelFixture();
  const { source } = fixture;
  let requested = 0;
  source.delay = async (request) => {
    if (request !== "(1-2)") return;
    await new Promise((resolve) => setTimeout(resolve));
    requested = source.requests.length;
  };
  await fixture.fetch();
  // 1 MiB for each of four connections: ranges of 256 KiB, after the first one.
  assert.equal(requested, 1 + 4 * 4);
});

Deno.test("ParallelFetcher delivers a blob from a source that ignores ranges", async () => {
  const fixture = new ParallelFixture();
  fixture.source.answer = () => "whole";
  await fixture.fetch();
  assert.deepEqual(fixture.source.requests, ["0-1", "(1.25-2.25)"]);
});

Deno.test("rangeOf limits the length of ranges and, between the limits, their number", () => {
  const MIB = 1024 * 1024;
  const lengths = [4 * MIB, 32 * MIB, 64 * MIB + 1, 1024 * MIB].map(rangeOf);
  assert.deepEqual(lengths, [MIB / 4, MIB / 4, MIB / 2 + 1, MIB]);
});

Deno.test("ParallelFetcher uses fewer connections if the source limits them", async () => {
  const fixture = new ParallelFixture(6);
  let refused = 0;
  fixture.source.answer = (_, open) => open > 2 ? (refused++, "refused") : "range";
  await fixture.fetch();
  assert.equal(refused, 4);
});

Deno.test("ParallelFetcher fails as the source does if a missing range fails again", async () => {
  const fixture = new ParallelFixture();
  fixture.source.answer = (request) => /^\(?2-/.test(request) ? "refused" : "range";
  await assert.rejects(fixture.fetch(), (error) => hasCode(error, "LDR_UNREACHABLE"));
});

Deno.test("ParallelFetcher releases everything on an abort", async () => {
  const fixture = new ParallelFixture();
  const stop = new AbortController();
  fixture.source.answer = (request) => {
    if (request === "(4-5)") stop.abort();
    return "range";
  };
  const fetched = fixture.fetch(0, { signal: stop.signal });
  await assert.rejects(fetched, (error) => hasCode(error, "LDR_INTERRUPTED"));
});

Deno.test("ParallelFetcher releases everything if its caller stops reading", async () => {
  const fixture = new ParallelFixture();
  const { chunks } = await fixture.fetcher.fetch(DESCRIPTOR);
  let received = 0;
  for await (const chunk of chunks) if ((received += chunk.length) > 1.5 * RANGE) break;
  fixture.assertReleased();
});

Deno.test("ParallelFetcher.stopSplitting ends requests for ranges", async () => {
  const fixture = new ParallelFixture();
  await fixture.fetch();
  assert.deepEqual([fixture.fetcher.stopSplitting(), fixture.fetcher.stopSplitting()], [
    true,
    false,
  ]);
  fixture.source.requests.length = 0;
  await fixture.fetch();
  assert.deepEqual(fixture.source.requests, ["0-"]);
});

const ANSWERS: Answer[] = [
  "range",
  "range",
  "whole",
  "other range",
  "refused",
  "broken",
  "broken at once",
  "too much",
];

Deno.test("ParallelFetcher delivers the blob whatever happens to ranges ahead", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 2 * RANGE }),
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 100_000, max: 2 * RANGE }),
      fc.integer({ min: 0, max: 200 }),
      fc.array(fc.constantFrom(...ANSWERS), { minLength: 1, maxLength: 12 }),
      async (offset, most, chunkSize, pause, answers) => {
        const fixture = new ParallelFixture(most);
        Object.assign(fixture.source, { chunkSize, pause });
        let count = 0;
        fixture.source.answer = (request) =>
          request.startsWith("(") ? answers[count++ % answers.length]! : "range";
        await fixture.fetch(offset);
      },
    ),
    { numRuns: 60 },
  );
});
