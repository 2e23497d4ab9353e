import assert from "node:assert/strict";
import { type Chunk, streamOf } from "../../../src/serve/blobs/sent_chunks.ts";

/** A source of chunks of one byte that counts how often it was closed. */
class CountedSource {
  closed = 0;
  readonly chunks: Chunk[];

  constructor(readonly length: number, readonly failure?: Error) {
    this.chunks = Array.from({ length }, (_, i) => Uint8Array.of(i));
  }

  #next = 0;

  next(): Promise<Chunk | undefined> {
    const chunk = this.chunks[this.#next++];
    return !chunk && this.failure ? Promise.reject(this.failure) : Promise.resolve(chunk);
  }

  close(): void {
    this.closed++;
  }
}

Deno.test("streamOf frees a chunk when the next is asked for, and no earlier", async () => {
  const source = new CountedSource(2);
  const reader = streamOf(source).getReader();
  const first = (await reader.read()).value!;
  assert.deepEqual([...first], [0]);
  const second = (await reader.read()).value!;
  assert.deepEqual([first.byteLength, [...second]], [0, [1]]);
  assert.equal((await reader.read()).done, true);
  assert.equal(second.byteLength, 0);
});

Deno.test("streamOf closes its source once: at the end, after a failure, or when it is cancelled", async () => {
  const ended = new CountedSource(1);
  await streamOf(ended).pipeTo(new WritableStream());
  const read = new CountedSource(2);
  const reader = streamOf(read).getReader();
  while (!(await reader.read()).done);
  await reader.cancel();
  const failing = new CountedSource(1, new Error("broken"));
  const failed = streamOf(failing).getReader();
  await failed.read();
  await assert.rejects(failed.read(), /broken/);
  const unread = new CountedSource(1);
  await streamOf(unread).cancel();
  assert.deepEqual([ended, read, failing, unread].map(({ closed }) => closed), [1, 1, 1, 1]);
});
