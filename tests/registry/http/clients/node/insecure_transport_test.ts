import assert from "node:assert/strict";
import { createServer, type Server } from "node:tls";
import { type ErrorCode, hasCode } from "../../../../../src/base/errors.ts";
import { readBody } from "../../../../../src/registry/http/body.ts";
import { InsecureTransport } from "../../../../../src/registry/http/clients/node/insecure_transport.ts";
import type { HttpRequest } from "../../../../../src/registry/http/transport.ts";
import { WatchedAbort } from "../../../../support/listeners.ts";
import { TestCa } from "../../../../support/registry/certificates.ts";
import { FakeTransport, get, response } from "../../../../support/registry/fake_transport.ts";
import { rawServer } from "../../../../support/registry/raw_server.ts";
import { until } from "../../../../support/until.ts";

const withCode = (...codes: ErrorCode[]) => (error: unknown) => hasCode(error, ...codes);
const insecure = () =>
  new InsecureTransport(new FakeTransport(new Error("the inner transport was used")));

type Handler = (request: Request) => Response | Promise<Response>;

/** A TLS server with an untrusted certificate. */
async function untrusted(handler: Handler): Promise<Deno.HttpServer<Deno.NetAddr>> {
  using ca = await TestCa.create();
  return await ca.serve(handler);
}

const at = (server: Deno.HttpServer<Deno.NetAddr>, path = "/") =>
  `https://127.0.0.1:${server.addr.port}${path}`;

Deno.test("InsecureTransport.send passes plain HTTP to the inner transport", async () => {
  const inner = new FakeTransport(response(200));
  await new InsecureTransport(inner).send(get("http://reg.test/"));
  assert.deepEqual(inner.lines, ["GET http://reg.test/"]);
});

Deno.test("InsecureTransport.send sends a request unchanged despite the certificate", async () => {
  const seen: { method: string; path: string; body: string; headers: Headers }[] = [];
  await using server = await untrusted(async (request) => {
    const { method, headers } = request;
    const path = new URL(request.url).pathname;
    seen.push({ method, path, body: await request.text(), headers: new Headers(headers) });
    return new Response("hello", { status: 201, headers: { "x-a": "b" } });
  });
  const request: HttpRequest = get(at(server, "/p?q=1"), {
    method: "POST",
    headers: { accept: "a/b", "content-type": "text/plain" },
    body: "content",
  });
  const answer = await insecure().send(request);
  assert.deepEqual([answer.status, answer.headers.get("x-a")], [201, "b"]);
  assert.equal(await new Response(answer.body).text(), "hello");
  const [{ method, path, body, headers }] = seen as [typeof seen[0]];
  assert.deepEqual([method, path, body], ["POST", "/p", "content"]);
  assert.equal(headers.get("accept"), "a/b");
  assert.equal(headers.get("accept-encoding"), "identity");
  assert.equal(answer.url, request.url.href);
});

Deno.test("InsecureTransport.send returns a redirect, and no body for HEAD", async () => {
  await using server = await untrusted(() =>
    new Response(null, { status: 307, headers: { location: "/y", "content-length": "10" } })
  );
  const answer = await insecure().send(get(at(server), { method: "HEAD" }));
  assert.deepEqual([answer.status, answer.headers.get("location"), answer.body], [307, "/y", null]);
});

Deno.test("InsecureTransport.send returns a large body, which can be cancelled", async () => {
  const content = new Uint8Array(3_000_000).map((_, i) => i % 251);
  await using server = await untrusted(() => new Response(content));
  const options = { url: new URL(at(server)) };
  const stop = new WatchedAbort();
  const whole = await insecure().send(get(at(server), { signal: stop.signal }));
  let length = 0;
  for await (const chunk of readBody(whole, options)) {
    assert.deepEqual(chunk, content.subarray(length, length + chunk.length));
    length += chunk.length;
  }
  assert.equal(length, content.length);
  await until(() => stop.listeners === 0);
  const left = await insecure().send(get(at(server)));
  for await (const _ of readBody(left, options)) break;
});

Deno.test("InsecureTransport.send sends nothing after an abort", async () => {
  let asked = 0;
  await using server = await untrusted(() => {
    asked++;
    return new Response("x");
  });
  await assert.rejects(
    insecure().send(get(at(server), { signal: AbortSignal.abort() })),
    withCode("LDR_INTERRUPTED"),
  );
  assert.equal(asked, 0);
});

Deno.test("InsecureTransport.send ends when it is aborted", async () => {
  const stop = new WatchedAbort();
  const held = Promise.withResolvers<Response>();
  await using server = await untrusted(() => {
    stop.abort();
    return held.promise;
  });
  await assert.rejects(
    insecure().send(get(at(server), { signal: stop.signal })),
    withCode("LDR_INTERRUPTED"),
  );
  held.resolve(new Response());
});

Deno.test("InsecureTransport.send fails with LDR_TIMEOUT without a response", async () => {
  const held = Promise.withResolvers<Response>();
  await using server = await untrusted(() => held.promise);
  const transport = new InsecureTransport(new FakeTransport(response(200)), { stallTimeout: 50 });
  await assert.rejects(transport.send(get(at(server))), withCode("LDR_TIMEOUT"));
  held.resolve(new Response());
});

/** A TLS server that answers with these bytes and closes the connection. */
async function rawTls(text: string): Promise<{ url: string } & AsyncDisposable> {
  using ca = await TestCa.create();
  const files = await ca.issue();
  const server: Server = createServer({
    cert: Deno.readTextFileSync(files.certificate),
    key: Deno.readTextFileSync(files.key),
  }, (socket) => {
    socket.on("error", () => {});
    socket.once("data", () => text === "" ? socket.destroy() : socket.end(text, "latin1"));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `https://127.0.0.1:${port}/`,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

Deno.test("InsecureTransport.send returns a body that fails with LDR_UNREACHABLE if it breaks off", async () => {
  await using server = await rawTls("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  const answer = await insecure().send(get(server.url));
  await assert.rejects(async () => {
    for await (const _ of readBody(answer, { url: new URL(server.url) }));
  }, withCode("LDR_UNREACHABLE"));
});

Deno.test("InsecureTransport.send fails with LDR_UNREACHABLE for a closed connection", async () => {
  await using server = await rawTls("");
  await assert.rejects(insecure().send(get(server.url)), withCode("LDR_UNREACHABLE"));
});

Deno.test("InsecureTransport.send accepts any bytes in a header", async () => {
  await using server = await rawTls(
    "HTTP/1.1 200 OK\r\nX-A: \xe9\xff\r\nContent-Length: 0\r\n\r\n",
  );
  const answer = await insecure().send(get(server.url));
  assert.equal(answer.status, 200);
  await answer.body?.cancel();
});

Deno.test("InsecureTransport.send fails with LDR_TLS for a server without TLS", async () => {
  await using server = await rawServer("HTTP/1.1 400 Bad Request\r\n\r\n");
  await assert.rejects(
    insecure().send(get(`https://${server.host}/`)),
    (error) =>
      hasCode(error, "LDR_TLS") && /corrupt message|InvalidContentType/.test(error.message),
  );
});

Deno.test("InsecureTransport.send fails with LDR_UNREACHABLE for a closed port", async () => {
  const server = await rawServer("");
  await server[Symbol.asyncDispose]();
  await assert.rejects(
    insecure().send(get(`https://${server.host}/`)),
    withCode("LDR_UNREACHABLE"),
  );
});
