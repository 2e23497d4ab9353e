import assert from "node:assert/strict";
import { Fields } from "../../../../src/run/wasi/http/fields.ts";
import {
  FutureIncomingResponse,
  IncomingResponse,
  OutgoingRequest,
  RequestOptions,
} from "../../../../src/run/wasi/http/outgoing.ts";
import { refusedWith } from "../../../support/wasm/streams.ts";

const refused = refusedWith((payload) => payload === undefined);

Deno.test("a request is put together part by part", () => {
  const request = new OutgoingRequest(Fields.fromList([["x-a", new Uint8Array([0x31])]]));
  assert.deepEqual([request.method(), request.scheme(), request.authority()], [
    { tag: "get" },
    undefined,
    undefined,
  ]);
  request.setMethod({ tag: "other", val: "PROPFIND" });
  request.setScheme({ tag: "HTTP" });
  request.setAuthority("example.com:81");
  request.setPathWithQuery("/a?b");
  const body = request.body();
  assert.throws(() => request.body(), refused);
  assert.throws(() => request.headers().delete("x-a"));
  assert.deepEqual(OutgoingRequest.parts(request), {
    method: "PROPFIND",
    scheme: { tag: "HTTP" },
    authority: "example.com:81",
    path: "/a?b",
    headers: [["x-a", "1"]],
    body,
  });
});

Deno.test("a request refuses what would be more than the part it is for", () => {
  const request = new OutgoingRequest(new Fields());
  for (const method of ["", "GET /", "G\nET", "ä"]) {
    assert.throws(() => request.setMethod({ tag: "other", val: method }), refused, method);
  }
  for (const authority of ["", "a/b", "user@host", "a?b", "a#b", "a\\b", "a b", "a:b", "[::1"]) {
    assert.throws(() => request.setAuthority(authority), refused, authority);
  }
  for (const path of [".evil.com", "@evil.com", "/a b", "/a#b", "/a\r\nx: y", ":80/"]) {
    assert.throws(() => request.setPathWithQuery(path), refused, path);
  }
  for (const authority of ["host", "host:1", "[::1]:80", "127.0.0.1"]) {
    request.setAuthority(authority);
    assert.equal(request.authority(), authority);
  }
});

Deno.test("options keep their times", () => {
  const options = new RequestOptions();
  assert.equal(options.connectTimeout(), undefined);
  options.setConnectTimeout(1n);
  options.setFirstByteTimeout(2n);
  options.setBetweenBytesTimeout(3n);
  assert.deepEqual(
    [options.connectTimeout(), options.firstByteTimeout(), options.betweenBytesTimeout()],
    [1n, 2n, 3n],
  );
});

Deno.test("a response that is on its way is given once, and given up where it is dropped before", async () => {
  let cancels = 0;
  let given = 0;
  const response = IncomingResponse.of(204, new Headers({ a: "1" }), {
    read: () => null,
    cancel: () => cancels++,
  });
  const future = FutureIncomingResponse.of(
    Promise.resolve({ tag: "ok", val: response }),
    () => given++,
  );
  assert.equal(future.get(), undefined);
  await future.subscribe().block();
  assert.deepEqual(future.get(), { tag: "ok", val: { tag: "ok", val: response } });
  assert.deepEqual(future.get(), { tag: "err", val: undefined });
  future[Symbol.dispose]();
  assert.deepEqual([response.status(), Fields.toList(response.headers())], [204, [["a", "1"]]]);
  response[Symbol.dispose]();
  assert.deepEqual([cancels, given], [1, 0]);
  FutureIncomingResponse.of(new Promise(() => {}), () => given++)[Symbol.dispose]();
  assert.equal(given, 1);
});
