import assert from "node:assert/strict";
import { Fields } from "../../../../src/run/wasi/http/fields.ts";
import {
  FutureIncomingResponse,
  IncomingRequest,
  IncomingResponse,
  type RequestHead,
} from "../../../../src/run/wasi/http/incoming.ts";
import { textOf, wasiError } from "../../../support/wasm/streams.ts";

const HEAD: RequestHead = {
  method: "POST",
  path: "/a?b=c",
  scheme: "https",
  authority: "example.com:8443",
  headers: [["host", "example.com:8443"], ["x-a", "1"]],
};

const refused = wasiError((payload) => payload === undefined);

Deno.test("IncomingRequest has method, path, scheme, authority and headers", () => {
  const request = new IncomingRequest(HEAD, { read: () => null, cancel() {} });
  assert.deepEqual(request.method(), { tag: "post" });
  assert.equal(request.pathWithQuery(), "/a?b=c");
  assert.deepEqual(request.scheme(), { tag: "HTTPS" });
  assert.equal(request.authority(), "example.com:8443");
  assert.deepEqual(Fields.toList(request.headers()), [["x-a", "1"]]);
});

for (
  const [name, method] of [
    ["DELETE", { tag: "delete" }],
    ["PROPFIND", { tag: "other", val: "PROPFIND" }],
    ["get", { tag: "other", val: "get" }],
  ] as const
) {
  Deno.test(`IncomingRequest.method is ${JSON.stringify(method)} for ${name}`, () => {
    const request = new IncomingRequest({ ...HEAD, method: name }, {
      read: () => null,
      cancel() {},
    });
    assert.deepEqual(request.method(), method);
  });
}

Deno.test("IncomingRequest has one body, and cancels it if it is dropped before", () => {
  let cancels = 0;
  const source = { read: () => new Uint8Array([0x61]), cancel: () => cancels++ };
  const consumed = new IncomingRequest(HEAD, source);
  assert.equal(textOf(consumed.consume().stream().read(9n)), "a");
  assert.throws(() => consumed.consume(), refused);
  consumed[Symbol.dispose]();
  assert.equal(cancels, 0);
  new IncomingRequest(HEAD, source)[Symbol.dispose]();
  assert.equal(cancels, 1);
});

Deno.test("FutureIncomingResponse returns its response once, and cancels the request if it is dropped before", async () => {
  let cancels = 0;
  let requestCancels = 0;
  const response = new IncomingResponse(204, [["a", "1"]], {
    read: () => null,
    cancel: () => cancels++,
  });
  const future = new FutureIncomingResponse(
    Promise.resolve({ tag: "ok", val: response }),
    () => requestCancels++,
  );
  assert.equal(future.get(), undefined);
  await future.subscribe().block();
  assert.deepEqual(future.get(), { tag: "ok", val: { tag: "ok", val: response } });
  assert.deepEqual(future.get(), { tag: "err", val: undefined });
  future[Symbol.dispose]();
  assert.deepEqual([response.status(), Fields.toList(response.headers())], [204, [["a", "1"]]]);
  response[Symbol.dispose]();
  assert.deepEqual([cancels, requestCancels], [1, 0]);
  new FutureIncomingResponse(new Promise(() => {}), () => requestCancels++)[Symbol.dispose]();
  assert.equal(requestCancels, 1);
});
