import assert from "node:assert/strict";
import { hasCode } from "../../../src/base/errors.ts";
import { NodeTransport } from "../../../src/registry/http/node_transport.ts";
import { httpTransport } from "../../../src/registry/http/transport_stack.ts";
import { withEnvironment } from "../../support/cli/in_process.ts";
import { FakeClock } from "../../support/fake_clock.ts";
import { Gate } from "../../support/gate.ts";
import { BlockedPort } from "../../support/registry/blocked_port.ts";
import { TestCa } from "../../support/registry/certificates.ts";
import { get } from "../../support/registry/fake_transport.ts";
import { HttpServer, textAnswer } from "../../support/registry/http_server.ts";

const NO_PROXIES = Object.fromEntries(
  ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"]
    .flatMap((name) => [[name, undefined], [name.toLowerCase(), undefined]]),
);

Deno.test("NodeTransport.send sends a request unchanged over plain HTTP", async () => {
  await using server = await HttpServer.start(() => textAnswer(307, "moved", { Location: "/y" }));
  await using blocked = await BlockedPort.inFrontOf(server.host);
  const transport = new NodeTransport();
  const request = get(`http://${blocked.host}/x`, { method: "POST", body: "a=b" });
  const response = await transport.send(request);
  assert.deepEqual([response.status, response.headers.get("location")], [307, "/y"]);
  assert.equal(await new Response(response.body).text(), "moved");
  const [seen] = server.requests();
  assert.deepEqual([seen!.line, seen!.body], ["POST /x", "a=b"]);
  assert.equal(seen!.headers.get("accept-encoding"), "identity");
  assert.equal(seen!.headers.get("host"), blocked.host);
});

Deno.test("httpTransport reaches a port that fetch blocks, follows its redirects and cancels a body", async () => {
  const content = new Uint8Array(3_000_000);
  await using server = await HttpServer.start(({ path }) =>
    path === "/x"
      ? textAnswer(307, "", { Location: "/y" })
      : { status: 200, headers: {}, body: content }
  );
  await using blocked = await BlockedPort.inFrontOf(server.host);
  const transport = httpTransport({ clock: new FakeClock() });
  const whole = await transport.send(get(`https://${blocked.host}/x`));
  assert.equal(whole.url, `http://${blocked.host}/y`);
  assert.equal((await new Response(whole.body).arrayBuffer()).byteLength, content.length);
  const part = await transport.send(get(`https://${blocked.host}/y`));
  await part.body!.cancel();
  const head = await transport.send(get(`https://${blocked.host}/y`, { method: "HEAD" }));
  assert.deepEqual([head.status, head.body], [200, null]);
});

Deno.test("NodeTransport.send checks certificates", async () => {
  using ca = await TestCa.create();
  const { certificate, key } = await ca.issue();
  const options = {
    hostname: "127.0.0.1",
    port: 0,
    cert: Deno.readTextFileSync(certificate),
    key: Deno.readTextFileSync(key),
    onListen() {},
  };
  await using server = Deno.serve(options, () => new Response("hello"));
  await using blocked = await BlockedPort.inFrontOf(`127.0.0.1:${server.addr.port}`);
  const request = get(`https://${blocked.host}/`);
  {
    const transport = new NodeTransport();
    await assert.rejects(transport.send(request), (error) => hasCode(error, "LDR_TLS"));
  }
  const hosts = new Map([[request.url.host, { caCerts: () => [ca.pem] }]]);
  for (const trust of [{ caCerts: () => [ca.pem] }, { hosts }]) {
    const transport = new NodeTransport(trust);
    const response = await transport.send(request);
    assert.equal(await new Response(response.body).text(), "hello");
  }
});

Deno.test("NodeTransport.send stops waiting after an abort or a timeout", async () => {
  const gate = new Gate();
  await using server = await HttpServer.start(async () => {
    await gate.pass();
    return textAnswer(200, "late");
  });
  await using blocked = await BlockedPort.inFrontOf(server.host);
  const transport = new NodeTransport();
  const stop = new AbortController();
  const sent = transport.send(get(`http://${blocked.host}/`, { signal: stop.signal }));
  await gate.reachedBy(sent);
  stop.abort();
  await assert.rejects(sent, (error) => hasCode(error, "LDR_INTERRUPTED"));
  const impatient = new NodeTransport({ stallTimeout: 1 });
  const stalled = impatient.send(get(`http://${blocked.host}/`));
  await assert.rejects(stalled, (error) => hasCode(error, "LDR_TIMEOUT"));
  gate.open();
});

Deno.test("NodeTransport.send names NO_PROXY if there is a proxy", async () => {
  const proxy = { ...NO_PROXIES, ALL_PROXY: "http://127.0.0.1:1" };
  await withEnvironment(proxy, async () => {
    const transport = new NodeTransport();
    for (const scheme of ["http", "https"]) {
      await assert.rejects(
        transport.send(get(`${scheme}://reg.test:6000/`)),
        (error) => hasCode(error, "LDR_CONFIG") && error.hint.includes("reg.test:6000 in NO_PROXY"),
      );
    }
  });
});
