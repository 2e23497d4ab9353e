import assert from "node:assert/strict";
import fc from "fast-check";
import { InputStream } from "../../../../src/run/wasi/io/input_stream.ts";
import { OutputStream, WRITE_WINDOW } from "../../../../src/run/wasi/io/output_stream.ts";
import { streamError, textOf } from "../../../support/wasm/streams.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

/** A sink that takes the next chunk when `take` is called. */
class SlowSink {
  readonly taken: string[] = [];
  readonly #waiting: PromiseWithResolvers<void>[] = [];

  readonly sink = (bytes: Uint8Array): Promise<void> => {
    const waiting = Promise.withResolvers<void>();
    this.#waiting.push(waiting);
    return waiting.promise.then(() => void this.taken.push(textOf(bytes)));
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

Deno.test("OutputStream passes writes to the sink one at a time, in order", async () => {
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

Deno.test("OutputStream.checkWrite returns the free window, and the pollable is ready while there is any", async () => {
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

Deno.test("OutputStream.write traps above the window", () => {
  const stream = new OutputStream(() => {});
  assert.throws(() => stream.write(new Uint8Array(WRITE_WINDOW + 1)), /check-write/);
  assert.throws(() => stream.writeZeroes(2n ** 60n), /check-write/);
});

Deno.test("OutputStream.checkWrite returns 0 during a flush", async () => {
  const slow = new SlowSink();
  const stream = new OutputStream(slow.sink);
  stream.write(bytesOf("a"));
  stream.flush();
  assert.deepEqual([stream.checkWrite(), stream.subscribe().ready()], [0n, false]);
  await slow.take();
  assert.equal(stream.checkWrite(), BigInt(WRITE_WINDOW));
});

Deno.test("OutputStream.blockingFlush waits until the sink has taken everything", async () => {
  const slow = new SlowSink();
  const stream = new OutputStream(slow.sink);
  stream.write(bytesOf("a"));
  stream.write(bytesOf("b"));
  let isFlushed = false;
  const flushed = stream.blockingFlush().then(() => isFlushed = true);
  await slow.take();
  assert.equal(isFlushed, false);
  await slow.take();
  await flushed;
});

Deno.test("OutputStream reports a failure once, on the next call, and writes no more", async () => {
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

Deno.test("OutputStream reports a synchronous failure of the sink on the flush", async () => {
  const stream = new OutputStream(() => {
    throw new Error("no");
  });
  await assert.rejects(
    stream.blockingWriteAndFlush(bytesOf("a")),
    streamError("last-operation-failed"),
  );
});

Deno.test("OutputStream is closed by a broken pipe", async () => {
  const stream = new OutputStream(() => {
    throw new Deno.errors.BrokenPipe("gone");
  });
  await assert.rejects(stream.blockingWriteAndFlush(bytesOf("a")), streamError("closed"));
});

Deno.test("OutputStream.writeZeroes writes zeroes", async () => {
  const chunks: Uint8Array[] = [];
  const stream = new OutputStream((bytes) => void chunks.push(bytes));
  stream.writeZeroes(3n);
  await stream.blockingWriteZeroesAndFlush(2n);
  assert.deepEqual(chunks, [new Uint8Array(3), new Uint8Array(2)]);
});

Deno.test("OutputStream.splice moves available bytes into buffers of their own", async () => {
  const remaining = ["abcdef", "gh"];
  const source = InputStream.of(() => remaining.length > 0 ? bytesOf(remaining.shift()!) : null);
  const chunks: Uint8Array[] = [];
  const stream = new OutputStream((bytes) => void chunks.push(bytes));
  assert.equal(stream.splice(source, 4n), 4n);
  assert.equal(await stream.blockingSplice(source, 9n), 2n);
  assert.equal(await stream.blockingSplice(source, 9n), 2n);
  assert.deepEqual(chunks.map(textOf), ["abcd", "ef", "gh"]);
  for (const { buffer, byteLength } of chunks) assert.equal(buffer.byteLength, byteLength);
  await assert.rejects(stream.blockingSplice(source, 9n), streamError("closed"));
});

Deno.test("OutputStream calls onDrop once the sink has taken everything", async () => {
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

Deno.test("OutputStream takes all writes that respect checkWrite", async () => {
  await fc.assert(fc.asyncProperty(
    fc.array(fc.integer({ min: 0, max: WRITE_WINDOW }), { maxLength: 12 }),
    fc.boolean(),
    async (lengths, isSlow) => {
      let taken = 0;
      const later = () => new Promise<void>((resolve) => setTimeout(resolve, 0));
      const stream = new OutputStream((bytes) => {
        taken += bytes.length;
        return isSlow ? later() : undefined;
      });
      for (const length of lengths) {
        for (let remaining = length; remaining > 0;) {
          await stream.subscribe().block();
          const part = Math.min(remaining, Number(stream.checkWrite()));
          assert(part > 0);
          stream.write(new Uint8Array(part));
          remaining -= part;
        }
      }
      await stream.blockingFlush();
      assert.equal(taken, lengths.reduce((sum, length) => sum + length, 0));
    },
  ));
});

Deno.test("OutputStream.pipelined passes all writes on at once, and counts them until they are taken", async () => {
  const slow = new SlowSink();
  const stream = OutputStream.pipelined((bytes) => {
    // As when the buffer moves to another thread.
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

Deno.test("OutputStream.close rejects writes, and the sink still takes earlier ones", async () => {
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
