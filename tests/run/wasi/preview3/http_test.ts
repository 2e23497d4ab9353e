import assert from "node:assert/strict";
import { parseHostRule } from "../../../../src/run/grants/outbound_rule.ts";
import { Fields } from "../../../../src/run/wasi/http/fields.ts";
import { receivedRequest, sentResponse } from "../../../../src/run/wasi/preview3/http.ts";
import {
  Request,
  RequestOptions,
  Response,
} from "../../../../src/run/wasi/preview3/http_messages.ts";
import { closedPort, readRequest, TcpServer } from "../../../support/wasm/loopback.ts";
import { guestStream, Preview3Guest, textOfStream } from "../../../support/wasm/preview3_guest.ts";
import { wasiError } from "../../../support/wasm/streams.ts";

const OK = { tag: "ok", val: undefined } as const;
const code = (tag: string) => wasiError((payload) => (payload as { tag: string }).tag === tag);
const isErr = wasiError((payload) => payload === undefined);

interface Client {
  send(request: Request): Promise<Response>;
}

/** Returns a request, and the future that tells how it was sent. */
function requestTo(
  authority: string,
  texts?: string[],
  trailers?: Fields,
): ReturnType<typeof Request.new> {
  const made = Request.new(
    new Fields(),
    texts && guestStream(texts),
    Promise.resolve({ tag: "ok", val: trailers }),
    undefined,
  );
  made[0].setMethod({ tag: texts ? "post" : "get" });
  made[0].setScheme({ tag: "HTTP" });
  made[0].setAuthority(authority);
  return made;
}

Deno.test("receivedRequest returns a request as it was sent, with repeated fields", () => {
  const headers = [["accept", "a"], ["x", "1"], ["accept", "b"]] as const;
  const head = {
    method: "GET",
    path: "/?q=`<",
    scheme: "http",
    authority: "a$b",
    headers,
  } as const;
  const request = receivedRequest(head, { read: () => null, cancel() {} });
  assert.deepEqual(Fields.toList(request.getHeaders()), headers);
  assert.deepEqual(
    [request.getMethod(), request.getPathWithQuery(), request.getScheme(), request.getAuthority()],
    [{ tag: "get" }, head.path, { tag: "HTTP" }, head.authority],
  );
});

Deno.test("client of 0.3 sends a body as a stream and receives one", async () => {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => new globalThis.Response(`got ${await request.text()}`, { status: 201 }),
  );
  using guest = new Preview3Guest({ allowedHosts: [parseHostRule("127.0.0.1")] });
  const [request, sent] = requestTo(`127.0.0.1:${server.addr.port}`, ["he", "llo"]);
  const response = await guest.interface<Client>("http/client").send(request);
  assert.equal(response.getStatusCode(), 201);
  const [body, trailers] = Response.consumeBody(response, Promise.resolve(OK));
  assert.equal(await textOfStream(body), "got hello");
  assert.deepEqual([await sent, await trailers], [OK, OK]);
});

Deno.test("client of 0.3 passes trailers on in both directions", async () => {
  const received = Promise.withResolvers<string>();
  await using server = new TcpServer(async (conn) => {
    received.resolve(await readRequest(conn));
    const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    await conn.write(new TextEncoder().encode(`${head}2\r\nhi\r\n0\r\nx-b: 2\r\n\r\n`));
  });
  using guest = new Preview3Guest({ allowedHosts: [parseHostRule("127.0.0.1")] });
  const fields = Fields.fromList([["x-a", new TextEncoder().encode("1")]]);
  const [request] = requestTo(`127.0.0.1:${server.port}`, ["hello"], fields);
  const response = await guest.interface<Client>("http/client").send(request);
  const [body, trailers] = Response.consumeBody(response, Promise.resolve(OK));
  assert.equal(await textOfStream(body), "hi");
  const result = await trailers;
  assert(result.tag === "ok");
  assert.deepEqual(result.val && Fields.toList(result.val), [["x-b", "2"]]);
  assert.match(await received.promise, /\r\n0\r\nx-a: 1\r\n\r\n$/);
});

Deno.test("client of 0.3 refuses what is not granted, and reports it", async () => {
  using guest = new Preview3Guest();
  const [request] = requestTo("127.0.0.1:9");
  const client = guest.interface<Client>("http/client");
  await assert.rejects(client.send(request), code("HTTP-request-denied"));
  assert.equal(guest.host.denials.length, 1);
});

Deno.test("client of 0.3 tells that a request was not transmitted", async () => {
  using guest = new Preview3Guest({ allowedHosts: [parseHostRule("*")] });
  const [request, sent] = requestTo(`127.0.0.1:${closedPort()}`);
  const client = guest.interface<Client>("http/client");
  await assert.rejects(client.send(request), code("connection-refused"));
  assert.equal((await sent).tag, "err");
});

Deno.test("a message of 0.3 that is dropped drops its body and reads its trailers", async () => {
  let isDropped = false;
  let isRead = false;
  const trailers = Promise.resolve(OK);
  const [response, sent] = Response.new(
    new Fields(),
    guestStream(["x"], () => isDropped = true),
    { then: (...handlers) => (isRead = true, trailers.then(...handlers)) },
  );
  response[Symbol.dispose]();
  assert.equal((await sent).tag, "err");
  assert.deepEqual([isRead, isDropped], [true, true]);
});

Deno.test("request of 0.3 checks its parts", () => {
  const [request] = requestTo("user@example.com:80");
  request.setMethod({ tag: "other", val: "GET" });
  assert.deepEqual(request.getMethod(), { tag: "get" });
  for (const path of ["/a b", "/<", "/#"]) {
    assert.throws(() => request.setPathWithQuery(path), isErr);
  }
  request.setPathWithQuery("");
  assert.equal(request.getPathWithQuery(), "/");
  for (const name of [":@", "@@", "a b", ""]) {
    assert.throws(() => request.setAuthority(name), isErr);
  }
  request.setScheme({ tag: "other", val: "https" });
  assert.deepEqual(request.getScheme(), { tag: "HTTPS" });
  assert.throws(() => request.getHeaders().append("a", new Uint8Array()), code("immutable"));
});

Deno.test("request-options of 0.3 cannot be changed once a request has them", () => {
  const options = new RequestOptions();
  options.setConnectTimeout(1n);
  Request.new(new Fields(), undefined, Promise.resolve(OK), options);
  assert.throws(() => options.setConnectTimeout(2n), code("immutable"));
  const copy = options.clone();
  copy.setConnectTimeout(3n);
  assert.deepEqual([options.getConnectTimeout(), copy.getConnectTimeout()], [1n, 3n]);
});

Deno.test("sentResponse rejects an interim status", () => {
  using guest = new Preview3Guest();
  const [response] = Response.new(new Fields(), undefined, Promise.resolve(OK));
  response.setStatusCode(103);
  assert.throws(() => sentResponse(response, guest.task), /interim status 103/);
});
