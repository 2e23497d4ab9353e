import assert from "node:assert/strict";
import {
  FutureTrailers,
  IncomingBody,
  OutgoingBody,
} from "../../../../src/run/wasi/http/bodies.ts";
import { Fields } from "../../../../src/run/wasi/http/fields.ts";
import { httpErrorCode } from "../../../../src/run/wasi/http/types.ts";
import type { IoError } from "../../../../src/run/wasi/io/error.ts";
import { streamError, textOf, wasiError } from "../../../support/wasm/streams.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);
const headers = (length?: string) =>
  Fields.fromList(length === undefined ? [] : [["Content-Length", bytesOf(length)]]);
const refused = wasiError((payload) => payload === undefined);

Deno.test("IncomingBody has one stream, and cancels its source when it is dropped", async () => {
  const chunks = ["ab", "c"];
  let cancels = 0;
  const body = new IncomingBody({
    read: () => Promise.resolve(chunks.length > 0 ? bytesOf(chunks.shift()!) : null),
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

Deno.test("IncomingBody.finish returns trailers that are empty and read once", () => {
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

Deno.test("OutgoingBody holds writes until it is connected", async () => {
  const body = new OutgoingBody("response", headers());
  const stream = body.write();
  assert.throws(() => body.write(), refused);
  stream.write(bytesOf("early"));
  const flushed = stream.blockingFlush();
  const chunks: string[] = [];
  OutgoingBody.connect(body, (bytes) => void chunks.push(textOf(bytes)));
  await flushed;
  stream.write(bytesOf("late"));
  stream[Symbol.dispose]();
  OutgoingBody.finish(body, undefined);
  assert.equal(await OutgoingBody.ended(body), "finished");
  assert.deepEqual(chunks, ["early", "late"]);
});

Deno.test("OutgoingBody.ended resolves once the sink has taken everything", async () => {
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
    ["abandoned", (body: OutgoingBody) => OutgoingBody.abandon(body)],
  ] as const
) {
  Deno.test(`OutgoingBody is truncated if it is ${name} before it is finished`, async () => {
    const body = new OutgoingBody("response", headers());
    OutgoingBody.connect(body, () => {});
    body.write().write(bytesOf("part"));
    end(body);
    assert.equal(await OutgoingBody.ended(body), "truncated");
  });
}

Deno.test("OutgoingBody is truncated if the sink fails", async () => {
  const body = new OutgoingBody("request", headers());
  OutgoingBody.connect(body, () => Promise.reject(new Error("gone")));
  body.write().write(bytesOf("x"));
  OutgoingBody.finish(body, undefined);
  assert.equal(await OutgoingBody.ended(body), "truncated");
});

Deno.test("OutgoingBody fails a write past its content-length", async () => {
  const body = new OutgoingBody("response", headers("3"));
  const chunks: string[] = [];
  OutgoingBody.connect(body, (bytes) => void chunks.push(textOf(bytes)));
  const stream = body.write();
  stream.write(bytesOf("abc"));
  const error = await stream.blockingWriteAndFlush(bytesOf("d")).catch((error) => error);
  assert(streamError("last-operation-failed")(error));
  const { val } = error.payload as { val: IoError };
  assert.deepEqual(httpErrorCode(val), { tag: "HTTP-response-body-size", val: 4n });
  assert.deepEqual(chunks, ["abc"]);
  const size = wasiError((payload) =>
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
  // It may be the response to HEAD, which the caller knows.
  ["response", "4", "", "finished"],
];

for (const [kind, length, written, end] of LENGTHS) {
  Deno.test(`OutgoingBody of a ${kind} with content-length ${length} and body "${written}" is ${end}`, async () => {
    const body = new OutgoingBody(kind, headers(length));
    OutgoingBody.connect(body, () => {});
    const stream = body.write();
    if (written !== "") stream.write(bytesOf(written));
    const finish = () => OutgoingBody.finish(body, undefined);
    const size = wasiError((payload) =>
      (payload as { tag: string }).tag === `HTTP-${kind}-body-size`
    );
    if (end === "finished") finish();
    else assert.throws(finish, size);
    assert.equal(await OutgoingBody.ended(body), end);
  });
}
