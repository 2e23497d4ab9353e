import assert from "node:assert/strict";
import {
  FutureTrailers,
  IncomingBody,
  OutgoingBody,
} from "../../../../src/run/wasi/http/bodies.ts";
import { Fields } from "../../../../src/run/wasi/http/fields.ts";
import { httpErrorCode } from "../../../../src/run/wasi/http/types.ts";
import type { IoError } from "../../../../src/run/wasi/io/error.ts";
import { refusedWith, streamError, textOf } from "../../../support/wasm/streams.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);
const headers = (length?: string) =>
  Fields.fromList(length === undefined ? [] : [["Content-Length", bytesOf(length)]]);
const refused = refusedWith((payload) => payload === undefined);

Deno.test("an incoming body is read once, and given up when it is dropped", async () => {
  const pieces = ["ab", "c"];
  let cancels = 0;
  const body = new IncomingBody({
    read: () => Promise.resolve(pieces.length > 0 ? bytesOf(pieces.shift()!) : null),
    cancel: () => cancels++,
  });
  const stream = body.stream();
  assert.throws(() => body.stream(), refused);
  assert.equal(textOf(await stream.blockingRead(9n)), "ab");
  stream[Symbol.dispose]();
  assert.equal(cancels, 0);
  body[Symbol.dispose]();
  assert.equal(cancels, 1);
});

Deno.test("a finished incoming body has no trailers, which are told once", () => {
  let cancels = 0;
  const trailers = IncomingBody.finish(
    new IncomingBody({ read: () => null, cancel: () => cancels++ }),
  );
  assert(trailers instanceof FutureTrailers);
  assert.equal(trailers.subscribe().ready(), true);
  assert.deepEqual(trailers.get(), { tag: "ok", val: { tag: "ok", val: undefined } });
  assert.deepEqual(trailers.get(), { tag: "err", val: undefined });
  assert.equal(cancels, 1);
});

Deno.test("what is written before the body is connected waits for it", async () => {
  const body = new OutgoingBody("response", headers());
  const stream = body.write();
  assert.throws(() => body.write(), refused);
  stream.write(bytesOf("early"));
  const flushed = stream.blockingFlush();
  const pieces: string[] = [];
  OutgoingBody.connect(body, (bytes) => void pieces.push(textOf(bytes)));
  await flushed;
  stream.write(bytesOf("late"));
  stream[Symbol.dispose]();
  OutgoingBody.finish(body, undefined);
  assert.equal(await OutgoingBody.ended(body), "finished");
  assert.deepEqual(pieces, ["early", "late"]);
});

Deno.test("a body ends when all of it is through", async () => {
  const body = new OutgoingBody("response", headers());
  const taken = Promise.withResolvers<void>();
  OutgoingBody.connect(body, () => taken.promise);
  body.write().write(bytesOf("x"));
  OutgoingBody.finish(body, undefined);
  let hasEnded = false;
  const ended = OutgoingBody.ended(body).then(() => hasEnded = true);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(hasEnded, false);
  taken.resolve();
  await ended;
});

for (
  const [name, end] of [
    ["dropped", (body: OutgoingBody) => body[Symbol.dispose]()],
    ["left by its guest", (body: OutgoingBody) => OutgoingBody.abandon(body)],
  ] as const
) {
  Deno.test(`a body that is ${name} after a part of it is broken`, async () => {
    const body = new OutgoingBody("response", headers());
    OutgoingBody.connect(body, () => {});
    body.write().write(bytesOf("part"));
    end(body);
    assert.equal(await OutgoingBody.ended(body), "truncated");
  });
}

Deno.test("a body is broken where it could not be sent", async () => {
  const body = new OutgoingBody("request", headers());
  OutgoingBody.connect(body, () => Promise.reject(new Error("gone")));
  body.write().write(bytesOf("x"));
  OutgoingBody.finish(body, undefined);
  assert.equal(await OutgoingBody.ended(body), "truncated");
});

Deno.test("a body longer than its content-length fails where it is written", async () => {
  const body = new OutgoingBody("response", headers("3"));
  const pieces: string[] = [];
  OutgoingBody.connect(body, (bytes) => void pieces.push(textOf(bytes)));
  const stream = body.write();
  stream.write(bytesOf("abc"));
  const error = await stream.blockingWriteAndFlush(bytesOf("d")).catch((error) => error);
  assert(streamError("last-operation-failed")(error));
  const { val } = error.payload as { val: IoError };
  assert.deepEqual(httpErrorCode(val), { tag: "HTTP-response-body-size", val: 4n });
  assert.deepEqual(pieces, ["abc"]);
  const size = refusedWith((payload) =>
    (payload as { tag: string }).tag === "HTTP-response-body-size"
  );
  assert.throws(() => OutgoingBody.finish(body, undefined), size);
  assert.equal(await OutgoingBody.ended(body), "truncated");
});

const LENGTHS: [
  kind: "request" | "response",
  length: string | undefined,
  written: string,
  end: string,
][] = [
  ["request", undefined, "abc", "finished"],
  ["request", "3", "abc", "finished"],
  ["request", "0", "", "finished"],
  ["request", "nonsense", "abc", "finished"],
  ["request", "4", "abc", "truncated"],
  ["request", "4", "", "truncated"],
  ["response", "4", "abc", "truncated"],
  // It may answer to HEAD: who sends it knows.
  ["response", "4", "", "finished"],
];

for (const [kind, length, written, end] of LENGTHS) {
  Deno.test(`a ${kind} body of "${written}" for a content-length of ${length} is ${end}`, async () => {
    const body = new OutgoingBody(kind, headers(length));
    OutgoingBody.connect(body, () => {});
    const stream = body.write();
    if (written !== "") stream.write(bytesOf(written));
    const finish = () => OutgoingBody.finish(body, undefined);
    const size = refusedWith((payload) =>
      (payload as { tag: string }).tag === `HTTP-${kind}-body-size`
    );
    if (end === "finished") finish();
    else assert.throws(finish, size);
    assert.equal(await OutgoingBody.ended(body), end);
  });
}
