/** Requests and responses as they are on the wire: clients write bytes to a socket. */
import assert from "node:assert/strict";
import { HttpServer } from "../../../src/run/server/http_server.ts";
import { receivedHeaders } from "../../../src/run/wasi/http/received_headers.ts";
import { GuestResponse } from "../../../src/run/server/response_body.ts";
import type { GuestPool } from "../../../src/run/server/worker_pool.ts";
import type { HeaderList } from "../../../src/run/wasi/http/fields.ts";
import type { RequestHead } from "../../../src/run/wasi/http/incoming.ts";

/** Sends the lines of a request, and returns its head as a guest gets it, and the lines of the response. */
async function exchange(
  lines: readonly string[],
  headers: HeaderList = [],
): Promise<{ head: RequestHead | undefined; response: string[] }> {
  let head: RequestHead | undefined;
  const handle: GuestPool["handle"] = (request) => {
    head = request.head;
    const response = new GuestResponse(200, headers, { onTaken() {}, onCancel() {} });
    response.end(true);
    return Promise.resolve(response.open());
  };
  const server = new HttpServer({ hostname: "127.0.0.1", port: 0 });
  server.open({ kind: "component", pool: { handle } as GuestPool });
  const client = await Deno.connect({
    hostname: "127.0.0.1",
    port: Number(new URL(server.url).port),
  });
  const text = [...lines, "Connection: close", "", ""].join("\r\n");
  await client.write(new TextEncoder().encode(text));
  const answer = await new Response(client.readable).text();
  await server.stop();
  return { head, response: answer.split("\r\n") };
}

Deno.test("HttpServer passes on repeated headers as they are, in order", async () => {
  const { head } = await exchange([
    "GET / HTTP/1.1",
    "Host: a.test",
    "X-A: 1",
    "Accept: b",
    "x-a: 2, 3",
    "X-A:",
    "Cookie: a=1",
    "Cookie: b=2",
  ]);
  const of = (wanted: string) =>
    head!.headers.filter(([name]) => name === wanted).map(([, value]) => value);
  assert.deepEqual(of("x-a"), ["1", "2, 3", ""]);
  assert.deepEqual(of("accept"), ["b"]);
  assert.deepEqual(of("cookie"), ["a=1; b=2"]);
});

Deno.test("HttpServer sends repeated headers in order, with names in lower case", async () => {
  const { response } = await exchange(["GET / HTTP/1.1", "Host: a.test"], [
    ["set-cookie", "a=1; Path=/"],
    ["x-a", "1"],
    ["Link", "<b>"],
    ["X-A", "2"],
    ["set-cookie", "b=2"],
    ["www-authenticate", "Basic"],
    ["www-authenticate", "Bearer x=y"],
  ]);
  const end = response.findIndex((line) => /^(?:content-length|date|vary):/.test(line));
  assert.deepEqual(response.slice(0, end), [
    "HTTP/1.1 200 OK",
    "set-cookie: a=1; Path=/",
    "x-a: 1",
    "link: <b>",
    "x-a: 2",
    "set-cookie: b=2",
    "www-authenticate: Basic",
    "www-authenticate: Bearer x=y",
  ]);
});

Deno.test("receivedHeaders falls back on what every runtime has", () => {
  const headers = { [Symbol.iterator]: () => [["a", "1, 2"]].values(), getSetCookie: () => [] };
  assert.deepEqual(receivedHeaders(headers as unknown as Headers), [["a", "1, 2"]]);
});

for (
  const [line, host, authority, path] of [
    ["GET /a?b HTTP/1.1", "h.test", "h.test", "/a?b"],
    // The host of an absolute target replaces the field (RFC 9112 §3.2.2).
    ["GET http://other.test:81/a HTTP/1.1", "h.test", "other.test:81", "/a"],
    ["GET http://other.test HTTP/1.1", "h.test", "other.test", "/"],
    ["OPTIONS * HTTP/1.1", "h.test", "h.test", "*"],
    ["OPTIONS /a HTTP/1.1", "h.test", "h.test", "/a"],
    ["GET /* HTTP/1.1", "h.test", "h.test", "/*"],
  ] as const
) {
  Deno.test(`HttpServer passes on ${line}`, async () => {
    const { head } = await exchange([line, `Host: ${host}`]);
    assert.deepEqual([head?.authority, head?.path, head?.scheme], [authority, path, "http"]);
  });
}

for (
  const [what, lines] of [
    ["an invalid host", ["GET / HTTP/1.1", "Host: a/b"]],
    ["an absolute target of another scheme", ["GET ftp://a/b HTTP/1.1", "Host: a"]],
    ["several hosts", ["GET / HTTP/1.1", "Host: a", "Host: b"]],
  ] as const
) {
  Deno.test(`HttpServer answers 400 to ${what}`, async () => {
    const { head, response } = await exchange(lines);
    assert.deepEqual([head, response[0]], [undefined, "HTTP/1.1 400 Bad Request"]);
  });
}
