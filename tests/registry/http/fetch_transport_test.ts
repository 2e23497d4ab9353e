import assert from "node:assert/strict";
import { type ErrorCode, hasCode, LarderError } from "../../../src/base/errors.ts";
import {
  FetchTransport,
  networkError,
  timedOut,
} from "../../../src/registry/http/fetch_transport.ts";
import { TestCa } from "../../support/registry/certificates.ts";
import { get } from "../../support/registry/fake_transport.ts";
import { Gate } from "../../support/gate.ts";
import { HttpServer, textAnswer } from "../../support/registry/http_server.ts";
import { WatchedAbort } from "../../support/listeners.ts";
import { rawServer } from "../../support/registry/raw_server.ts";

const url = (server: HttpServer, path = "/x?sig=secret") => `http://${server.host}${path}`;

Deno.test("a request goes out as it is, and asks for the bytes as they are", async () => {
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

Deno.test("a redirect is an answer, with its address to follow", async () => {
  await using server = await HttpServer.start(() => textAnswer(307, "", { Location: "/y" }));
  using transport = new FetchTransport();
  const response = await transport.send(get(url(server)));
  await response.body?.cancel();
  assert.deepEqual([response.status, response.headers.get("location")], [307, "/y"]);
  assert.equal(server.requests().length, 1);
});

Deno.test("an error status is an answer", async () => {
  await using server = await HttpServer.start(() => textAnswer(503, "later"));
  using transport = new FetchTransport();
  const response = await transport.send(get(url(server), { method: "HEAD" }));
  await response.body?.cancel();
  assert.equal(response.status, 503);
});

const BROKEN: [string, string, "close" | "reset"][] = [
  ["closes without an answer", "", "close"],
  ["resets without an answer", "", "reset"],
  ["speaks something else", "SSH-2.0-OpenSSH_9.2\r\n", "close"],
  ["stops in the middle of its headers", "HTTP/1.1 200 OK\r\nContent-Le", "close"],
];

for (const [name, text, end] of BROKEN) {
  Deno.test(`a server that ${name} is LDR_UNREACHABLE`, async () => {
    await using server = await rawServer(text, end);
    using transport = new FetchTransport();
    await assert.rejects(
      transport.send(get(`http://${server.host}/tls`)),
      (error) => hasCode(error, "LDR_UNREACHABLE") && error.message.includes(server.host),
    );
  });
}

Deno.test("nobody who listens is LDR_UNREACHABLE, in words without the address's secrets", async () => {
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

Deno.test("a server that says nothing is LDR_TIMEOUT", async () => {
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

Deno.test("an abort ends a request that waits", async () => {
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

Deno.test("nothing is sent once the signal is raised, and nobody listens after an answer", async () => {
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

/** A TLS server whose certificate is for 127.0.0.1, on every loopback address. */
async function tlsServer(ca: TestCa): Promise<Deno.HttpServer<Deno.NetAddr>> {
  const { certificate, key } = await ca.issue();
  return Deno.serve({
    hostname: "0.0.0.0",
    port: 0,
    cert: Deno.readTextFileSync(certificate),
    key: Deno.readTextFileSync(key),
    onListen() {},
  }, () => new Response("secure"));
}

Deno.test("a certificate is trusted through its CA, and only for its own name", async () => {
  using ca = await TestCa.create();
  await using server = await tlsServer(ca);
  const { port } = server.addr;
  using trusting = new FetchTransport({ caCerts: () => [ca.pem] });
  const response = await trusting.send(get(`https://127.0.0.1:${port}/`));
  assert.equal(await new Response(response.body).text(), "secure");

  using wary = new FetchTransport();
  const refusals: [FetchTransport, string][] = [[wary, "127.0.0.1"], [trusting, "127.0.0.2"]];
  for (const [transport, host] of refusals) {
    await assert.rejects(
      transport.send(get(`https://${host}:${port}/`)),
      (error) => hasCode(error, "LDR_TLS") && /invalid peer certificate/.test(error.message),
    );
  }
});

Deno.test("a server that speaks no TLS is LDR_TLS", async () => {
  await using server = await rawServer("HTTP/1.1 400 Bad Request\r\n\r\n");
  using transport = new FetchTransport();
  await assert.rejects(
    transport.send(get(`https://${server.host}/`)),
    (error) => hasCode(error, "LDR_TLS"),
  );
});

const sending = (text: string) =>
  new TypeError("fetch failed", {
    cause: new Error(
      `error sending request for url (https://r.test/tls/certificate?sig=s): ${text}`,
    ),
  });

/** What the runtime throws, and what it means. */
const MEANINGS: [string, Error, ErrorCode, RegExp][] = [
  [
    "a name that is not known",
    sending("client error (Connect): dns error: failed to lookup address information"),
    "LDR_DNS",
    /^cannot resolve the host r\.test$/,
  ],
  [
    "a refusal",
    sending("client error (Connect): tcp connect error: Connection refused (os error 111)"),
    "LDR_UNREACHABLE",
    /^cannot reach r\.test: tcp connect error: Connection refused \(os error 111\)$/,
  ],
  [
    "an unknown issuer",
    sending("client error (Connect): invalid peer certificate: UnknownIssuer"),
    "LDR_TLS",
    /^no secure connection to r\.test: invalid peer certificate: UnknownIssuer$/,
  ],
  [
    "a TLS alert",
    sending("client error (Connect): received fatal alert: ProtocolVersion"),
    "LDR_TLS",
    /alert/,
  ],
  ["an old TLS", sending("client error (Connect): peer is incompatible: x"), "LDR_TLS", /peer/],
  [
    "plain HTTP",
    sending("client error (Connect): received corrupt message of type InvalidContentType"),
    "LDR_TLS",
    /corrupt/,
  ],
  [
    "a handshake broken off",
    sending("client error (Connect): tls handshake eof"),
    "LDR_UNREACHABLE",
    /eof/,
  ],
  [
    "a broken body",
    new TypeError("error reading a body from connection"),
    "LDR_UNREACHABLE",
    /body/,
  ],
];

for (const [name, thrown, code, message] of MEANINGS) {
  Deno.test(`${name} is ${code}`, () => {
    const error = networkError(thrown, new URL("https://r.test/tls/certificate?sig=s"));
    assert.ok(hasCode(error, code), Deno.inspect(error));
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, /sig=/);
    assert.equal(error.cause, thrown);
  });
}

Deno.test("what is a LarderError already, or no error at all, is handed on", () => {
  const own = new LarderError("LDR_BUSY", "busy", { hint: "wait" });
  for (const thrown of [own, "text", undefined]) {
    assert.equal(networkError(thrown, new URL("https://r.test/")), thrown);
  }
});

Deno.test("a time-out is told in seconds", () => {
  assert.equal(
    timedOut(new URL("https://r.test:5000/x?sig=s"), 30_000).message,
    "r.test:5000 sent nothing for 30 s",
  );
});
