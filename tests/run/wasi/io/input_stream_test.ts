import {
  BufferedInput,
  InputStream,
  MAX_READ,
  type Source,
} from "../../../../src/run/wasi/io/input_stream.ts";
import assert from "node:assert/strict";
import fc from "fast-check";
import { IoError } from "../../../../src/run/wasi/io/error.ts";
import { WasiError } from "../../../../src/run/wasi/errors.ts";
import { streamError, textOf } from "../../../support/wasm/streams.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

/** A source of texts, which come one by one; an error is what comes in its place. */
function sourceOf(pieces: readonly (string | Error)[]): Source {
  const left = [...pieces];
  return async () => {
    await new Promise((resolve) => setTimeout(resolve, 0));
    const piece = left.shift();
    if (piece instanceof Error) throw piece;
    return piece === undefined ? null : bytesOf(piece);
  };
}

Deno.test("read gives nothing until something has come, and never waits", async () => {
  const stream = InputStream.of(sourceOf(["abc"]));
  assert.equal(textOf(stream.read(10n)), "");
  assert.equal(textOf(stream.read(10n)), "");
  await stream.subscribe().block();
  assert.equal(textOf(stream.read(2n)), "ab");
  assert.equal(textOf(stream.read(2n)), "c");
});

Deno.test("what is there at once is read at once", () => {
  const left = ["abc"];
  const stream = InputStream.of(() => left.length > 0 ? bytesOf(left.shift()!) : null);
  assert.equal(stream.subscribe().ready(), true);
  assert.equal(textOf(stream.read(10n)), "abc");
  assert.throws(() => stream.read(10n), streamError("closed"));
});

Deno.test("blocking-read waits for at least one byte", async () => {
  const stream = InputStream.of(sourceOf(["", "", "x"]));
  assert.equal(textOf(await stream.blockingRead(10n)), "x");
  await assert.rejects(stream.blockingRead(10n), streamError("closed"));
  await assert.rejects(stream.blockingRead(10n), streamError("closed"));
});

Deno.test("a read of nothing gives nothing, until the end", async () => {
  const stream = InputStream.of(sourceOf([]));
  assert.equal(textOf(stream.read(0n)), "");
  assert.equal(textOf(await stream.blockingRead(0n)), "");
  await stream.subscribe().block();
  assert.throws(() => stream.read(0n), streamError("closed"));
});

Deno.test("a failure is told once, with its cause; then the stream is closed", async () => {
  const cause = new Error("the disk\nis gone");
  const stream = InputStream.of(sourceOf(["x", cause]));
  assert.equal(textOf(await stream.blockingRead(10n)), "x");
  const error = await stream.blockingRead(10n).catch((error) => error);
  assert(error instanceof WasiError);
  const { tag, val } = error.payload as { tag: string; val: IoError };
  assert.equal(tag, "last-operation-failed");
  assert.equal(val.toDebugString(), "the disk");
  assert.equal(IoError.causeOf(val), cause);
  assert.throws(() => stream.read(10n), streamError("closed"));
});

Deno.test("a source that throws at once fails the stream as well", () => {
  const stream = InputStream.of(() => {
    throw new Error("no");
  });
  assert.throws(() => stream.read(10n), streamError("last-operation-failed"));
});

Deno.test("skip counts what it passes over", async () => {
  const stream = InputStream.of(sourceOf(["abcdef"]));
  assert.equal(await stream.blockingSkip(4n), 4n);
  assert.equal(stream.skip(10n), 2n);
  await assert.rejects(stream.blockingSkip(1n), streamError("closed"));
});

Deno.test("a guest does not make the host read more than its limit", async () => {
  const asked: number[] = [];
  const stream = InputStream.of((atMost) => {
    asked.push(atMost);
    return new Uint8Array(Math.min(atMost, 10));
  });
  await stream.blockingRead(2n ** 64n - 1n);
  stream.read(2n ** 40n);
  assert.deepEqual(asked, [MAX_READ, MAX_READ]);
});

Deno.test("one that is dropped cancels its source once, and what comes late is thrown away", async () => {
  let cancels = 0;
  const coming = Promise.withResolvers<Uint8Array>();
  const stream = InputStream.of(() => coming.promise, () => cancels++);
  const read = stream.blockingRead(1n);
  stream[Symbol.dispose]();
  coming.resolve(bytesOf("late"));
  await assert.rejects(read, streamError("closed"));
  assert.equal(cancels, 1);
});

Deno.test("streams that share an intake lose nothing when one is dropped", async () => {
  const intake = new BufferedInput(sourceOf(["abc", "def"]));
  const first = new InputStream(intake);
  assert.equal(textOf(await first.blockingRead(1n)), "a");
  first[Symbol.dispose]();
  const second = new InputStream(intake);
  assert.equal(textOf(await second.blockingRead(10n)), "bc");
  assert.equal(textOf(await second.blockingRead(10n)), "def");
});

Deno.test("whatever the pieces and the reads are, all comes through in order", async () => {
  await fc.assert(fc.asyncProperty(
    fc.array(fc.string({ minLength: 0, maxLength: 9, unit: fc.constantFrom("a", "b", "c") })),
    fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
    async (pieces, lengths) => {
      const stream = InputStream.of(sourceOf(pieces));
      let text = "";
      try {
        for (let i = 0;; i++) {
          text += textOf(await stream.blockingRead(BigInt(lengths[i % lengths.length]!)));
        }
      } catch (error) {
        assert(streamError("closed")(error));
      }
      assert.equal(text, pieces.join(""));
    },
  ));
});
