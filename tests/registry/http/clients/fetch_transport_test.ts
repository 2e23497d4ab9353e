import assert from "node:assert/strict";
import { hasCode } from "../../../../src/base/errors.ts";
import { FetchTransport } from "../../../../src/registry/http/clients/fetch_transport.ts";
import { Gate } from "../../../support/gate.ts";
import { WatchedAbort } from "../../../support/listeners.ts";
import { TestCa } from "../../../support/registry/certificates.ts";
import { get } from "../../../support/registry/fake_transport.ts";
import { HttpServer, textAnswer } from "../../../support/registry/http_server.ts";
import { rawServer } from "../../../support/registry/raw_server.ts";

const url = (server: HttpServer, path = "/x?sig=secret") => `http://${server.host}${path}`;

Deno.test("FetchTransport.send sends a request unchanged, and requests no content encoding", async () => {
  await using server = await HttpServer.start(() => textAnswer(200, "hello"));
  using transport = new FetchTransport();
  const headers = { accept: "a/b", authorization: "Bearer x" };
  const request = get(url(server), { method: "POST", headers, body: "a=b" });
  const response = await transport.send(request);
  assert.equal(response.status, 200);
  assert.equal(await new Response(response.body).text(), "hello");
  const [seen] = server.requests();
  assert.deepEqual([seen!.line, seen!.body], ["POST /x", "a=b"]);
  assert.equal(seen!.headers.get("accept"), "a/b");
  assert.equal(seen!.headers.get("authorization"), "Bearer x");
  assert.equal(seen!.headers.get("accept-encoding"), "identity");
});

Deno.test("FetchTransport.send returns a redirect", async () => {
  await using server = await HttpServer.start(() => textAnswer(307, "", { Location: "/y" }));
  using transport = new FetchTransport();
  const response = await transport.send(get(url(server)));
  await response.body?.cancel();
  assert.deepEqual([response.status, response.headers.get("location")], [307, "/y"]);
  assert.equal(server.requests().length, 1);
});

Deno.test("FetchTransport.send returns an error status", async () => {
  await using server = await HttpServer.start(() => textAnswer(503, "later"));
  using transport = new FetchTransport();
  const response = await transport.send(get(url(server), { method: "HEAD" }));
  await response.body?.cancel();
  assert.equal(response.status, 503);
});

const BROKEN: [string, string, "close" | "reset"][] = [
  ["closes without a response", "", "close"],
  ["resets without a response", "", "reset"],
  ["stops in the middle of its headers", "HTTP/1.1 200 OK\r\nContent-Le", "close"],
];

for (const [name, text, end] of BROKEN) {
  Deno.test(`FetchTransport.send fails with LDR_UNREACHABLE for a server that ${name}`, async () => {
    await using server = await rawServer(text, end);
    using transport = new FetchTransport();
    await assert.rejects(
      transport.send(get(`http://${server.host}/tls`)),
      (error) => hasCode(error, "LDR_UNREACHABLE") && error.message.includes(server.host),
    );
  });
}

Deno.test("FetchTransport.send fails with LDR_UNREACHABLE for a closed port, without the URL's secrets", async () => {
  const server = await HttpServer.start(() => textAnswer(200, ""));
  await server[Symbol.asyncDispose]();
  using transport = new FetchTransport();
  await assert.rejects(
    transport.send(get(url(server))),
    (error) =>
      hasCode(error, "LDR_UNREACHABLE") && /refused/i.test(error.message) &&
      !error.message.includes("secret"),
  );
});

Deno.test("FetchTransport.send fails with LDR_TIMEOUT without a response", async () => {
  const gate = new Gate();
  await using server = await HttpServer.start(async () => {
    await gate.pass();
    return textAnswer(200, "");
  });
  using transport = new FetchTransport({ stallTimeout: 30 });
  const stop = new WatchedAbort();
  await assert.rejects(
    transport.send(get(url(server), { signal: stop.signal })),
    (error) => hasCode(error, "LDR_TIMEOUT") && /sent nothing for 0\.03 s/.test(error.message),
  );
  assert.equal(stop.listeners, 0);
  gate.open();
});

Deno.test("FetchTransport.send ends when it is aborted", async () => {
  const gate = new Gate();
  await using server = await HttpServer.start(async () => {
    await gate.pass();
    return textAnswer(200, "");
  });
  using transport = new FetchTransport();
  const stop = new WatchedAbort();
  const sent = transport.send(get(url(server), { signal: stop.signal }));
  await gate.reachedBy(sent);
  stop.abort();
  await assert.rejects(sent, (error) => hasCode(error, "LDR_INTERRUPTED"));
  assert.equal(stop.listeners, 0);
  gate.open();
});

Deno.test("FetchTransport.send sends nothing after an abort, and removes its listeners", async () => {
  await using server = await HttpServer.start(() => textAnswer(200, "x"));
  using transport = new FetchTransport();
  await assert.rejects(
    transport.send(get(url(server), { signal: AbortSignal.abort() })),
    (error) => hasCode(error, "LDR_INTERRUPTED"),
  );
  assert.equal(server.requests().length, 0);
  const stop = new WatchedAbort();
  const response = await transport.send(get(url(server), { signal: stop.signal }));
  await response.body?.cancel();
  assert.equal(stop.listeners, 0);
});

Deno.test("FetchTransport.send trusts a certificate of caCerts for its own name only", async () => {
  using ca = await TestCa.create();
  // The certificate is for 127.0.0.1, and the server is on every loopback address.
  await using server = await ca.serve(() => new Response("secure"), { hostname: "0.0.0.0" });
  const { port } = server.addr;
  using trusting = new FetchTransport({ caCerts: () => [ca.pem] });
  const response = await trusting.send(get(`https://127.0.0.1:${port}/`));
  assert.equal(await new Response(response.body).text(), "secure");

  using wary = new FetchTransport();
  const rejected: [FetchTransport, string][] = [[wary, "127.0.0.1"], [trusting, "127.0.0.2"]];
  for (const [transport, host] of rejected) {
    await assert.rejects(
      transport.send(get(`https://${host}:${port}/`)),
      (error) => hasCode(error, "LDR_TLS") && /invalid peer certificate/.test(error.message),
    );
  }
});

Deno.test("FetchTransport.send fails with LDR_TLS for a server without TLS", async () => {
  await using server = await rawServer("HTTP/1.1 400 Bad Request\r\n\r\n");
  using transport = new FetchTransport();
  await assert.rejects(
    transport.send(get(`https://${server.host}/`)),
    (error) => hasCode(error, "LDR_TLS"),
  );
});
