import assert from "node:assert/strict";
import fc from "fast-check";
import { WasiError } from "../../../../src/run/wasi/errors.ts";
import { IoError } from "../../../../src/run/wasi/io/error.ts";
import {
  BufferedInput,
  InputStream,
  MAX_READ,
  type Source,
} from "../../../../src/run/wasi/io/input_stream.ts";
import { streamError, textOf } from "../../../support/wasm/streams.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

/** A source that returns one text per turn of the event loop, or rejects with the error in its place. */
function sourceOf(chunks: readonly (string | Error)[]): Source {
  const remaining = [...chunks];
  return async () => {
    await new Promise((resolve) => setTimeout(resolve, 0));
    const chunk = remaining.shift();
    if (chunk instanceof Error) throw chunk;
    return chunk === undefined ? null : bytesOf(chunk);
  };
}

Deno.test("InputStream.read returns nothing until bytes have arrived", async () => {
  const stream = InputStream.of(sourceOf(["abc"]));
  assert.equal(textOf(stream.read(10n)), "");
  assert.equal(textOf(stream.read(10n)), "");
  await stream.subscribe().block();
  assert.equal(textOf(stream.read(2n)), "ab");
  assert.equal(textOf(stream.read(2n)), "c");
});

Deno.test("InputStream.read returns the bytes of a synchronous source at once", () => {
  const remaining = ["abc"];
  const stream = InputStream.of(() => remaining.length > 0 ? bytesOf(remaining.shift()!) : null);
  assert.equal(stream.subscribe().ready(), true);
  assert.equal(textOf(stream.read(10n)), "abc");
  assert.throws(() => stream.read(10n), streamError("closed"));
});

Deno.test("InputStream.blockingRead waits for at least one byte", async () => {
  const stream = InputStream.of(sourceOf(["", "", "x"]));
  assert.equal(textOf(await stream.blockingRead(10n)), "x");
  await assert.rejects(stream.blockingRead(10n), streamError("closed"));
  await assert.rejects(stream.blockingRead(10n), streamError("closed"));
});

Deno.test("InputStream.read of 0 bytes returns nothing, and fails at the end", async () => {
  const stream = InputStream.of(sourceOf([]));
  assert.equal(textOf(stream.read(0n)), "");
  assert.equal(textOf(await stream.blockingRead(0n)), "");
  await stream.subscribe().block();
  assert.throws(() => stream.read(0n), streamError("closed"));
});

Deno.test("InputStream reports a failure once, with its cause, and is then closed", async () => {
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

Deno.test("InputStream fails if its source throws synchronously", () => {
  const stream = InputStream.of(() => {
    throw new Error("no");
  });
  assert.throws(() => stream.read(10n), streamError("last-operation-failed"));
});

Deno.test("InputStream.skip returns the number of bytes skipped", async () => {
  const stream = InputStream.of(sourceOf(["abcdef"]));
  assert.equal(await stream.blockingSkip(4n), 4n);
  assert.equal(stream.skip(10n), 2n);
  await assert.rejects(stream.blockingSkip(1n), streamError("closed"));
});

Deno.test("InputStream never requests more than MAX_READ from its source", async () => {
  const requested: number[] = [];
  const stream = InputStream.of((atMost) => {
    requested.push(atMost);
    return new Uint8Array(Math.min(atMost, 10));
  });
  await stream.blockingRead(2n ** 64n - 1n);
  stream.read(2n ** 40n);
  assert.deepEqual(requested, [MAX_READ, MAX_READ]);
});

Deno.test("InputStream cancels its source once when dropped, and discards late bytes", async () => {
  let cancels = 0;
  const pending = Promise.withResolvers<Uint8Array>();
  const stream = InputStream.of(() => pending.promise, () => cancels++);
  const read = stream.blockingRead(1n);
  stream[Symbol.dispose]();
  pending.resolve(bytesOf("late"));
  await assert.rejects(read, streamError("closed"));
  assert.equal(cancels, 1);
});

Deno.test("BufferedInput keeps its bytes when one of its streams is dropped", async () => {
  const input = new BufferedInput(sourceOf(["abc", "def"]));
  const first = new InputStream(input);
  assert.equal(textOf(await first.blockingRead(1n)), "a");
  first[Symbol.dispose]();
  const second = new InputStream(input);
  assert.equal(textOf(await second.blockingRead(10n)), "bc");
  assert.equal(textOf(await second.blockingRead(10n)), "def");
});

Deno.test("InputStream delivers all bytes in order for any chunks and reads", async () => {
  await fc.assert(fc.asyncProperty(
    fc.array(fc.string({ minLength: 0, maxLength: 9, unit: fc.constantFrom("a", "b", "c") })),
    fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
    async (chunks, lengths) => {
      const stream = InputStream.of(sourceOf(chunks));
      let text = "";
      try {
        for (let i = 0;; i++) {
          text += textOf(await stream.blockingRead(BigInt(lengths[i % lengths.length]!)));
        }
      } catch (error) {
        assert(streamError("closed")(error));
      }
      assert.equal(text, chunks.join(""));
    },
  ));
});
