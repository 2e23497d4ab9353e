import fc from "fast-check";
import assert from "node:assert/strict";
import { type ErrorCode, hasCode } from "../../../src/base/errors.ts";
import { TRANSFER_BUFFER } from "../../../src/base/limits.ts";
import { readBody, type ReadOptions, readSmall } from "../../../src/registry/http/body.ts";
import type { HttpResponse } from "../../../src/registry/http/transport.ts";
import { WatchedAbort } from "../../support/listeners.ts";
import { response } from "../../support/registry/fake_transport.ts";

const OPTIONS: ReadOptions = { url: new URL("https://reg.test/v2/app/blobs/x?sig=secret") };
const withCode = (...codes: ErrorCode[]) => (error: unknown) => hasCode(error, ...codes);
const settle = () => new Promise<void>((resolve) => setTimeout(resolve, 5));

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const bytes: number[] = [];
  for await (const chunk of chunks) bytes.push(...chunk);
  return new Uint8Array(bytes);
}

/** A body as a byte stream, which can be read into the reader's own buffer. */
function byteStream(chunks: readonly Uint8Array[]): HttpResponse {
  const left = chunks.filter((chunk) => chunk.length > 0).map((chunk) => chunk.slice());
  const body = new ReadableStream({
    type: "bytes",
    pull(controller) {
      const chunk = left.shift();
      if (chunk) return controller.enqueue(chunk);
      controller.close();
      controller.byobRequest?.respond(0);
    },
  });
  return { url: "", status: 200, headers: new Headers(), body };
}

/** A body that never sends a byte, and records its cancellation. */
function silentBody(type?: "bytes"): HttpResponse & { readonly isReleased: boolean } {
  let isReleased = false;
  const source = {
    cancel: () => {
      isReleased = true;
    },
  };
  const body = type === "bytes"
    ? new ReadableStream({ type, ...source })
    : new ReadableStream<Uint8Array>(source);
  return {
    ...response(200),
    body,
    get isReleased() {
      return isReleased;
    },
  };
}

const cuts = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 10 });
const expectations = fc.option(fc.nat(200), { nil: undefined });

for (
  const [kind, make] of [["bytes", byteStream], [
    "chunks",
    (c: Uint8Array[]) => response(200, {}, c),
  ]] as const
) {
  Deno.test(`readBody reads a whole stream of ${kind}, whatever size was expected`, async () => {
    await fc.assert(fc.asyncProperty(cuts, expectations, async (chunks, expected) => {
      const whole = new Uint8Array(chunks.flatMap((chunk) => [...chunk]));
      const body = readBody(make(chunks), { ...OPTIONS, expected });
      assert.deepEqual(await collect(body), whole);
    }));
  });
}

Deno.test("readBody and readSmall read a missing body as empty", async () => {
  const empty = { ...response(200), body: null };
  assert.deepEqual(await collect(readBody(empty, OPTIONS)), new Uint8Array());
  assert.deepEqual(await readSmall(empty, 0, OPTIONS), new Uint8Array());
});

Deno.test("readBody uses one buffer, a byte larger than expected and at most its limit", async () => {
  for (
    const [expected, size] of [[3, 4], [0, 1], [undefined, TRANSFER_BUFFER], [
      2 ** 40,
      TRANSFER_BUFFER,
    ]]
  ) {
    const body = byteStream([new Uint8Array([1, 2]), new Uint8Array([3])]);
    for await (const chunk of readBody(body, { ...OPTIONS, expected })) {
      assert.equal(chunk.buffer.byteLength, size);
    }
  }
});

for (const expected of [-1, -5, -Infinity]) {
  Deno.test(`readBody reads a body with ${expected} bytes expected`, async () => {
    const body = byteStream([new Uint8Array([1, 2, 3])]);
    assert.deepEqual(
      await collect(readBody(body, { ...OPTIONS, expected })),
      new Uint8Array([1, 2, 3]),
    );
  });
}

for (const kind of ["bytes", "chunks"] as const) {
  const make = () => silentBody(kind === "bytes" ? "bytes" : undefined);

  Deno.test(`readBody fails with LDR_TIMEOUT for a stalled stream of ${kind}`, async () => {
    const body = make();
    const stop = new WatchedAbort();
    const options = { ...OPTIONS, stallTimeout: 20, signal: stop.signal };
    await assert.rejects(
      collect(readBody(body, options)),
      (error) => hasCode(error, "LDR_TIMEOUT") && !error.message.includes("secret"),
    );
    assert.equal(body.isReleased, true);
    assert.equal(stop.listeners, 0);
  });

  Deno.test(`readBody ends when it is aborted during a read of ${kind}`, async () => {
    const body = make();
    const stop = new WatchedAbort();
    const read = collect(readBody(body, { ...OPTIONS, signal: stop.signal }));
    await settle();
    stop.abort();
    await assert.rejects(read, withCode("LDR_INTERRUPTED"));
    assert.equal(body.isReleased, true);
    assert.equal(stop.listeners, 0);
  });

  Deno.test(`readBody reads no ${kind} if the signal is already aborted`, async () => {
    const body = make();
    const read = collect(readBody(body, { ...OPTIONS, signal: AbortSignal.abort() }));
    await assert.rejects(read, withCode("LDR_INTERRUPTED"));
    assert.equal(body.isReleased, true);
  });
}

Deno.test("readBody ends when it is aborted between two chunks", async () => {
  const body = response(200, {}, [new Uint8Array([1]), new Uint8Array([2])]);
  const stop = new WatchedAbort();
  const received: number[] = [];
  await assert.rejects(async () => {
    for await (const chunk of readBody(body, { ...OPTIONS, signal: stop.signal })) {
      received.push(...chunk);
      stop.abort();
    }
  }, withCode("LDR_INTERRUPTED"));
  assert.deepEqual(received, [1]);
  assert.equal(body.isReleased, true);
  assert.equal(stop.listeners, 0);
});

Deno.test("readBody cancels the body when the loop is left", async () => {
  const body = response(200, {}, [new Uint8Array([1]), new Uint8Array([2])]);
  const stop = new WatchedAbort();
  for await (const _ of readBody(body, { ...OPTIONS, signal: stop.signal })) break;
  assert.equal(body.isReleased, true);
  assert.equal(stop.listeners, 0);
});

Deno.test("readBody cancels the body and passes an error of the reader on", async () => {
  const body = response(200, {}, [new Uint8Array([1]), new Uint8Array([2])]);
  await assert.rejects(async () => {
    for await (const _ of readBody(body, OPTIONS)) throw new TypeError("disk on fire");
  }, /^TypeError: disk on fire$/);
  assert.equal(body.isReleased, true);
});

Deno.test("readBody does not count the reader's own time as a stall", async () => {
  const body = response(200, {}, [new Uint8Array([1]), new Uint8Array([2])]);
  const received: number[] = [];
  for await (const chunk of readBody(body, { ...OPTIONS, stallTimeout: 10 })) {
    received.push(...chunk);
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
  assert.deepEqual(received, [1, 2]);
});

Deno.test("readBody does not take a slow sender for a stall", async () => {
  let left = 6;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, 60));
      if (left-- > 0) controller.enqueue(new Uint8Array(300));
      else controller.close();
    },
  }, { highWaterMark: 0 });
  const slow = { ...response(200), body };
  assert.equal((await collect(readBody(slow, { ...OPTIONS, stallTimeout: 300 }))).length, 1800);
});

Deno.test("readBody fails with LDR_TIMEOUT if the sender trickles", async () => {
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      controller.enqueue(new Uint8Array(1));
    },
  }, { highWaterMark: 0 });
  await assert.rejects(
    collect(readBody({ ...response(200), body }, { ...OPTIONS, stallTimeout: 50 })),
    (error) => hasCode(error, "LDR_TIMEOUT") && /sent next to nothing/.test(error.message),
  );
});

Deno.test("readBody fails with LDR_UNREACHABLE for a broken stream, without the URL's secrets", async () => {
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.error(new TypeError("error reading a body from connection"));
    },
  });
  await assert.rejects(
    collect(readBody({ ...response(200), body }, OPTIONS)),
    (error) =>
      hasCode(error, "LDR_UNREACHABLE") && /reg\.test/.test(error.message) &&
      !error.message.includes("secret"),
  );
});

const SMALL: [string, number, number, boolean][] = [
  ["shorter than the limit", 5, 6, true],
  ["as long as the limit", 6, 6, true],
  ["a byte longer", 7, 6, false],
  ["much longer", 600, 6, false],
];

for (const [name, length, limit, whole] of SMALL) {
  Deno.test(`readSmall of a body ${name}`, async () => {
    const bytes = new Uint8Array(length).map((_, i) => i);
    const chunks = Array.from(
      { length: Math.ceil(length / 2) },
      (_, i) => bytes.slice(2 * i, 2 * i + 2),
    );
    const body = response(200, {}, chunks);
    assert.deepEqual(await readSmall(body, limit, OPTIONS), whole ? bytes : undefined);
    assert.equal(body.isReleased, true);
  });
}

Deno.test("readSmall stops reading past the limit", async () => {
  let pulled = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      pulled++;
      controller.enqueue(new Uint8Array(10));
    },
  }, { highWaterMark: 0 });
  assert.equal(await readSmall({ ...response(200), body }, 25, OPTIONS), undefined);
  assert.equal(pulled, 3);
});

Deno.test("readSmall copies the chunks before the buffer is reused", async () => {
  const chunks = [[1, 2], [3, 4], [5]].map((bytes) => new Uint8Array(bytes));
  assert.deepEqual(
    await readSmall(byteStream(chunks), 100, OPTIONS),
    new Uint8Array([1, 2, 3, 4, 5]),
  );
});
