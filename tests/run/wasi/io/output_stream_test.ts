import { OutputStream, WRITE_WINDOW } from "../../../../src/run/wasi/io/output_stream.ts";
import assert from "node:assert/strict";
import fc from "fast-check";
import { InputStream } from "../../../../src/run/wasi/io/input_stream.ts";
import { streamError, textOf } from "../../../support/wasm/streams.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

/** A sink that takes each piece when it is told to. */
class SlowSink {
  readonly taken: string[] = [];
  readonly #waiting: PromiseWithResolvers<void>[] = [];

  readonly sink = (bytes: Uint8Array): Promise<void> => {
    const turn = Promise.withResolvers<void>();
    this.#waiting.push(turn);
    return turn.promise.then(() => void this.taken.push(textOf(bytes)));
  };

  async take(): Promise<void> {
    this.#waiting.shift()!.resolve();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }

  async fail(error: Error): Promise<void> {
    this.#waiting.shift()!.reject(error);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

Deno.test("what is written goes through one by one, in order", async () => {
  const slow = new SlowSink();
  const stream = new OutputStream(slow.sink);
  stream.write(bytesOf("a"));
  stream.write(bytesOf("b"));
  assert.deepEqual(slow.taken, []);
  await slow.take();
  assert.deepEqual(slow.taken, ["a"]);
  await slow.take();
  assert.deepEqual(slow.taken, ["a", "b"]);
});

Deno.test("check-write says what fits, and the stream is ready while anything does", async () => {
  const slow = new SlowSink();
  const stream = new OutputStream(slow.sink);
  const pollable = stream.subscribe();
  assert.equal(stream.checkWrite(), BigInt(WRITE_WINDOW));
  stream.write(new Uint8Array(WRITE_WINDOW - 1));
  assert.deepEqual([stream.checkWrite(), pollable.ready()], [1n, true]);
  stream.write(new Uint8Array(1));
  assert.deepEqual([stream.checkWrite(), pollable.ready()], [0n, false]);
  const blocked = pollable.block();
  await slow.take();
  await blocked;
  assert.equal(stream.checkWrite(), BigInt(WRITE_WINDOW - 1));
});

Deno.test("to write more than fits traps", () => {
  const stream = new OutputStream(() => {});
  assert.throws(() => stream.write(new Uint8Array(WRITE_WINDOW + 1)), /check-write/);
  assert.throws(() => stream.writeZeroes(2n ** 60n), /check-write/);
});

Deno.test("nothing fits until a flush is done", async () => {
  const slow = new SlowSink();
  const stream = new OutputStream(slow.sink);
  stream.write(bytesOf("a"));
  stream.flush();
  assert.deepEqual([stream.checkWrite(), stream.subscribe().ready()], [0n, false]);
  await slow.take();
  assert.equal(stream.checkWrite(), BigInt(WRITE_WINDOW));
});

Deno.test("blocking-flush waits until all is through", async () => {
  const slow = new SlowSink();
  const stream = new OutputStream(slow.sink);
  stream.write(bytesOf("a"));
  stream.write(bytesOf("b"));
  let isOver = false;
  const flushed = stream.blockingFlush().then(() => isOver = true);
  await slow.take();
  assert.equal(isOver, false);
  await slow.take();
  await flushed;
});

Deno.test("a failure is told once, by whatever comes next, and nothing more is written", async () => {
  const slow = new SlowSink();
  const stream = new OutputStream(slow.sink);
  stream.write(bytesOf("a"));
  stream.write(bytesOf("b"));
  await slow.fail(new Error("gone"));
  assert.equal(stream.subscribe().ready(), true);
  assert.throws(() => stream.checkWrite(), streamError("last-operation-failed"));
  assert.throws(() => stream.write(bytesOf("c")), streamError("closed"));
  assert.throws(() => stream.flush(), streamError("closed"));
  await assert.rejects(stream.blockingWriteAndFlush(bytesOf("d")), streamError("closed"));
  await OutputStream.drained(stream);
  assert.deepEqual(slow.taken, []);
});

Deno.test("a sink that throws at once fails the write after it, or the flush", async () => {
  const stream = new OutputStream(() => {
    throw new Error("no");
  });
  await assert.rejects(
    stream.blockingWriteAndFlush(bytesOf("a")),
    streamError("last-operation-failed"),
  );
});

Deno.test("a reader that has gone closes the stream", async () => {
  const stream = new OutputStream(() => {
    throw new Deno.errors.BrokenPipe("gone");
  });
  await assert.rejects(stream.blockingWriteAndFlush(bytesOf("a")), streamError("closed"));
});

Deno.test("zeroes are written as such", async () => {
  const pieces: Uint8Array[] = [];
  const stream = new OutputStream((bytes) => void pieces.push(bytes));
  stream.writeZeroes(3n);
  await stream.blockingWriteZeroesAndFlush(2n);
  assert.deepEqual(pieces, [new Uint8Array(3), new Uint8Array(2)]);
});

Deno.test("splice moves what is there, in buffers of their own", async () => {
  const left = ["abcdef", "gh"];
  const source = InputStream.of(() => left.length > 0 ? bytesOf(left.shift()!) : null);
  const pieces: Uint8Array[] = [];
  const stream = new OutputStream((bytes) => void pieces.push(bytes));
  assert.equal(stream.splice(source, 4n), 4n);
  assert.equal(await stream.blockingSplice(source, 9n), 2n);
  assert.equal(await stream.blockingSplice(source, 9n), 2n);
  assert.deepEqual(pieces.map(textOf), ["abcd", "ef", "gh"]);
  for (const { buffer, byteLength } of pieces) assert.equal(buffer.byteLength, byteLength);
  await assert.rejects(stream.blockingSplice(source, 9n), streamError("closed"));
});

Deno.test("one that is dropped says so when all is through", async () => {
  const slow = new SlowSink();
  let drops = 0;
  const stream = new OutputStream(slow.sink, () => drops++);
  stream.write(bytesOf("a"));
  stream[Symbol.dispose]();
  await Promise.resolve();
  assert.equal(drops, 0);
  await slow.take();
  assert.equal(drops, 1);
});

Deno.test("whoever heeds check-write gets all through, in order", async () => {
  await fc.assert(fc.asyncProperty(
    fc.array(fc.integer({ min: 0, max: WRITE_WINDOW }), { maxLength: 12 }),
    fc.boolean(),
    async (lengths, isSlow) => {
      let through = 0;
      const later = () => new Promise<void>((resolve) => setTimeout(resolve, 0));
      const stream = new OutputStream((bytes) => {
        through += bytes.length;
        return isSlow ? later() : undefined;
      });
      for (const length of lengths) {
        for (let left = length; left > 0;) {
          await stream.subscribe().block();
          const part = Math.min(left, Number(stream.checkWrite()));
          assert(part > 0);
          stream.write(new Uint8Array(part));
          left -= part;
        }
      }
      await stream.blockingFlush();
      assert.equal(through, lengths.reduce((sum, length) => sum + length, 0));
    },
  ));
});

Deno.test("a sink that keeps the order takes all at once, and counts until it is through", async () => {
  const slow = new SlowSink();
  const stream = OutputStream.pipelined((bytes) => {
    // Handed on, they are here no more.
    const { buffer } = bytes;
    const done = slow.sink(bytes.slice());
    structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
    return done;
  });
  for (const text of ["a", "b"]) stream.write(bytesOf(text));
  assert.equal(stream.checkWrite(), BigInt(WRITE_WINDOW - 2));
  await slow.take();
  assert.equal(stream.checkWrite(), BigInt(WRITE_WINDOW - 1));
  await slow.take();
  assert.deepEqual(slow.taken, ["a", "b"]);
  await stream.blockingFlush();
});

Deno.test("a stream that was closed takes nothing, and what it had taken goes on", async () => {
  const slow = new SlowSink();
  const stream = new OutputStream(slow.sink);
  stream.write(bytesOf("a"));
  stream.write(bytesOf("b"));
  OutputStream.close(stream);
  assert.equal(stream.subscribe().ready(), true);
  assert.throws(() => stream.checkWrite(), streamError("closed"));
  assert.throws(() => stream.flush(), streamError("closed"));
  await slow.take();
  await slow.take();
  assert.deepEqual(slow.taken, ["a", "b"]);
});
