/** The bytes that guests' requests are on the wire. */
import assert from "node:assert/strict";
import { IncomingResponse } from "../../../../src/run/wasi/http/incoming.ts";
import { IncomingBody, OutgoingBody } from "../../../../src/run/wasi/http/bodies.ts";
import { Fields } from "../../../../src/run/wasi/http/fields.ts";
import {
  type CallRequest,
  HttpCaller,
  statusAndBody,
  textToEnd,
} from "../../../support/wasm/http_caller.ts";
import { readRequest, TcpServer } from "../../../support/wasm/loopback.ts";
import { textOf } from "../../../support/wasm/streams.ts";

const RESPONSE = "HTTP/1.1 200 OK\r\nX-A: 1\r\nSet-Cookie: a=1\r\nX-B: 2\r\nX-A: 3\r\n" +
  "Set-Cookie: b=2; Path=/\r\nContent-Length: 2\r\n\r\nhi";

/** Returns the lines of the request as the server receives them, and the response. */
async function exchange(
  request: CallRequest,
): Promise<{ lines: string[]; response: IncomingResponse; host: string }> {
  const received = Promise.withResolvers<string>();
  await using server = new TcpServer(async (conn) => {
    received.resolve(await readRequest(conn));
    await conn.write(new TextEncoder().encode(RESPONSE));
    await conn.read(new Uint8Array(1));
  });
  using caller = new HttpCaller();
  const host = `127.0.0.1:${server.port}`;
  const response = await caller.call({ authority: host, ...request });
  assert(response instanceof IncomingResponse, JSON.stringify(response));
  assert.equal(await statusAndBody(response), "200 hi");
  return { lines: (await received.promise).split("\r\n"), response, host };
}

for (
  const [what, request, expected] of [
    ["no headers", { path: "/a?b=%20" }, ["GET /a?b=%20 HTTP/1.1", "Host: HOST", "", ""]],
    [
      "repeated headers",
      { headers: [["x-a", "1"], ["accept", "x"], ["x-a", "3"], ["x-a", ""]] },
      ["GET / HTTP/1.1", "x-a: 1", "x-a: 3", "x-a: ", "accept: x", "Host: HOST", "", ""],
    ],
    [
      "no body where one is usual",
      { method: "POST" },
      ["POST / HTTP/1.1", "Host: HOST", "Content-Length: 0", "", ""],
    ],
    [
      "a body of unknown length",
      {
        method: "DELETE",
        write(body) {
          body.write().write(new TextEncoder().encode("abc"));
          OutgoingBody.finish(body, undefined);
        },
      },
      [
        "DELETE / HTTP/1.1",
        "Host: HOST",
        "transfer-encoding: chunked",
        "",
        "3",
        "abc",
        "0",
        "",
        "",
      ],
    ],
    [
      "trailers",
      {
        method: "POST",
        write(body) {
          body.write().write(new TextEncoder().encode("abc"));
          const value = (text: string) => new TextEncoder().encode(text);
          OutgoingBody.finish(body, Fields.fromList([["x-a", value("1")], ["x-a", value("2")]]));
        },
      },
      [
        "POST / HTTP/1.1",
        "Host: HOST",
        "transfer-encoding: chunked",
        "",
        "3",
        "abc",
        "0",
        "x-a: 1",
        "x-a: 2",
        "",
        "",
      ],
    ],
    ["any method", { method: "TRACE" }, ["TRACE / HTTP/1.1", "Host: HOST", "", ""]],
  ] as readonly [string, CallRequest, string[]][]
) {
  Deno.test(`outgoing-handler adds nothing but host to a request with ${what}`, async () => {
    const { lines, host } = await exchange(request);
    assert.deepEqual(lines, expected.map((line) => line.replace("HOST", host)));
  });
}

Deno.test("outgoing-handler returns repeated headers as they are, in order", async () => {
  const { response } = await exchange({});
  const headers = response.headers();
  const names = ["x-a", "set-cookie", "x-b", "x-a", "set-cookie", "content-length"];
  assert.deepEqual(headers.entries().map(([name]) => name), names);
  assert.deepEqual(headers.get("x-a").map(textOf), ["1", "3"]);
  assert.deepEqual(headers.get("set-cookie").map(textOf), ["a=1", "b=2; Path=/"]);
});

Deno.test("outgoing-handler survives a connection that is closed when it is used again", async () => {
  await using server = new TcpServer(async (conn) => {
    const buffer = new Uint8Array(4096);
    // The second request on a connection is not answered.
    await conn.read(buffer);
    await conn.write(new TextEncoder().encode(RESPONSE));
    await conn.read(buffer);
  });
  using caller = new HttpCaller();
  const authority = `127.0.0.1:${server.port}`;
  for (let i = 0; i < 3; i++) {
    assert.equal(await statusAndBody(await caller.call({ authority })), "200 hi");
  }
  assert.equal(server.count, 3);
});

Deno.test("outgoing-handler returns the trailers of a body that was read to its end", async () => {
  await using server = new TcpServer(async (conn) => {
    await readRequest(conn);
    const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    await conn.write(new TextEncoder().encode(`${head}2\r\nhi\r\n0\r\nX-A: 1\r\nx-a: 2\r\n\r\n`));
  });
  using caller = new HttpCaller();
  const response = await caller.call({ authority: `127.0.0.1:${server.port}` });
  assert(response instanceof IncomingResponse, JSON.stringify(response));
  const body = response.consume();
  assert.equal(await textToEnd(body.stream()), "hi");
  const trailers = IncomingBody.finish(body).get();
  assert(trailers.tag === "ok" && trailers.val.tag === "ok");
  assert.deepEqual(trailers.val.val?.get("x-a").map(textOf), ["1", "2"]);
});
