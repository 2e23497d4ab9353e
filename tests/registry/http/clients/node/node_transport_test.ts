import assert from "node:assert/strict";
import { concatBytes } from "../../../../../src/base/bytes.ts";
import { hasCode } from "../../../../../src/base/errors.ts";
import { readBody } from "../../../../../src/registry/http/body.ts";
import { NodeTransport } from "../../../../../src/registry/http/clients/node/node_transport.ts";
import { httpTransport } from "../../../../../src/registry/http/transport_stack.ts";
import { withEnvironment } from "../../../../support/cli/in_process.ts";
import { FakeClock } from "../../../../support/fake_clock.ts";
import { Gate } from "../../../../support/gate.ts";
import { BlockedPort } from "../../../../support/registry/blocked_port.ts";
import { TestCa } from "../../../../support/registry/certificates.ts";
import { get } from "../../../../support/registry/fake_transport.ts";
import { HttpServer, textAnswer } from "../../../../support/registry/http_server.ts";

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
  await using server = await ca.serve(() => new Response("hello"));
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

/** Serves the first `?n=` bytes of a content, as chunks of unknown length with `?chunked`. */
function serveParts(content: Uint8Array<ArrayBuffer>) {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, ({ url }) => {
    const { searchParams } = new URL(url);
    const part = content.subarray(0, Number(searchParams.get("n")));
    return new Response(searchParams.has("chunked") ? ReadableStream.from([part]) : part);
  });
}

Deno.test("NodeTransport.send delivers bodies of any length whole, over the same connections", async () => {
  const content = new TextEncoder().encode("0123456789".repeat(30_000));
  await using server = serveParts(content);
  const transport = new NodeTransport();
  const read = async (length: number, query: string) => {
    const url = new URL(`http://127.0.0.1:${server.addr.port}/?n=${length}${query}`);
    const response = await transport.send(get(url.href));
    const parts: Uint8Array[] = [];
    for await (const part of readBody(response, { url, expected: length })) {
      parts.push(part.slice());
      // What comes next must not change what is being read.
      await new Promise((resolve) => setTimeout(resolve));
      assert.deepEqual(part, parts.at(-1));
    }
    assert.deepEqual(concatBytes(parts), content.subarray(0, length));
  };
  const lengths = [0, 1, 100, 65_400, 65_536, 70_000, content.length];
  for (const query of ["", "&chunked"]) {
    for (const length of lengths) await read(length, query);
    await Promise.all(lengths.map((length) => read(length, query)));
  }
});

Deno.test("NodeTransport.send leaves no memory of a body to the garbage collector", async () => {
  const content = new Uint8Array(48 * 1024 * 1024);
  await using server = serveParts(content);
  const url = new URL(`http://127.0.0.1:${server.addr.port}/?n=${content.length}`);
  const response = await new NodeTransport().send(get(url.href));
  const before = Deno.memoryUsage().external;
  let most = 0;
  let length = 0;
  for await (const part of readBody(response, { url })) {
    length += part.length;
    most = Math.max(most, Deno.memoryUsage().external - before);
  }
  assert.equal(length, content.length);
  assert.ok(most < 16 * 1024 * 1024, `${most} bytes`);
});
