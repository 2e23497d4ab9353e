import assert from "node:assert/strict";
import { Fields } from "../../../../src/run/wasi/http/fields.ts";
import {
  IncomingRequest,
  OutgoingResponse,
  type RequestHead,
  ResponseOutparam,
} from "../../../../src/run/wasi/http/incoming.ts";
import { refusedWith, textOf } from "../../../support/wasm/streams.ts";

const HEAD: RequestHead = {
  method: "POST",
  path: "/a?b=c",
  scheme: "https",
  authority: "example.com:8443",
  headers: [["host", "example.com:8443"], ["x-a", "1"]],
};

const refused = refusedWith((payload) => payload === undefined);

Deno.test("a guest sees the head of its request", () => {
  const request = IncomingRequest.of(HEAD, { read: () => null, cancel() {} });
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
  Deno.test(`the method ${name} is ${JSON.stringify(method)}`, () => {
    const request = IncomingRequest.of({ ...HEAD, method: name }, {
      read: () => null,
      cancel() {},
    });
    assert.deepEqual(request.method(), method);
  });
}

Deno.test("a request's body is consumed once, and given up where it is not", () => {
  let cancels = 0;
  const source = { read: () => new Uint8Array([0x61]), cancel: () => cancels++ };
  const consumed = IncomingRequest.of(HEAD, source);
  assert.equal(textOf(consumed.consume().stream().read(9n)), "a");
  assert.throws(() => consumed.consume(), refused);
  consumed[Symbol.dispose]();
  assert.equal(cancels, 0);
  IncomingRequest.of(HEAD, source)[Symbol.dispose]();
  assert.equal(cancels, 1);
});

Deno.test("a response has one body, and headers that are no longer changed", () => {
  const headers = Fields.fromList([["x-a", new Uint8Array([0x31])]]);
  const response = new OutgoingResponse(headers);
  assert.throws(() => response.headers().delete("x-a"));
  const body = response.body();
  assert.throws(() => response.body(), refused);
  assert.deepEqual(OutgoingResponse.parts(response), {
    status: 200,
    headers: [["x-a", "1"]],
    body,
  });
});

Deno.test("a response has a status that ends an exchange", () => {
  const response = new OutgoingResponse(new Fields());
  for (const status of [0, 99, 100, 101, 199, 600, 65_535]) {
    assert.throws(() => response.setStatusCode(status), refused, `${status}`);
  }
  for (const status of [200, 418, 599]) {
    response.setStatusCode(status);
    assert.equal(response.statusCode(), status);
  }
});

Deno.test("where a response is put learns of it, and takes none before the last", () => {
  const results: unknown[] = [];
  const out = ResponseOutparam.of((result) => results.push(result));
  assert.throws(() => out.sendInformational());
  const result = { tag: "err", val: { tag: "HTTP-request-denied" } } as const;
  ResponseOutparam.set(out, result);
  assert.deepEqual(results, [result]);
});
