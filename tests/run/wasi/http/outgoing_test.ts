import assert from "node:assert/strict";
import { Fields } from "../../../../src/run/wasi/http/fields.ts";
import {
  OutgoingRequest,
  OutgoingResponse,
  RequestOptions,
  ResponseOutparam,
} from "../../../../src/run/wasi/http/outgoing.ts";
import { wasiError } from "../../../support/wasm/streams.ts";

const refused = wasiError((payload) => payload === undefined);

Deno.test("OutgoingRequest.parts has every part that was set", () => {
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

Deno.test("OutgoingRequest rejects a method, authority or path that would change another part", () => {
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

Deno.test("RequestOptions stores timeouts", () => {
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

Deno.test("OutgoingResponse has one body and immutable headers", () => {
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

Deno.test("OutgoingResponse rejects interim and invalid statuses", () => {
  const response = new OutgoingResponse(new Fields());
  for (const status of [0, 99, 100, 101, 199, 600, 65_535]) {
    assert.throws(() => response.setStatusCode(status), refused, `${status}`);
  }
  for (const status of [200, 418, 599]) {
    response.setStatusCode(status);
    assert.equal(response.statusCode(), status);
  }
});

Deno.test("ResponseOutparam passes the result on, and rejects interim responses", () => {
  const results: unknown[] = [];
  const out = new ResponseOutparam((result) => results.push(result));
  assert.throws(() => out.sendInformational());
  const result = { tag: "err", val: { tag: "HTTP-request-denied" } } as const;
  ResponseOutparam.set(out, result);
  assert.deepEqual(results, [result]);
});
