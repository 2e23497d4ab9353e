import assert from "node:assert/strict";
import { hasCode, LarderError } from "../../../../../src/base/errors.ts";
import type { CheckAddress } from "../../../../../src/registry/http/clients/node/checked_address.ts";
import { CheckedNames } from "../../../../../src/registry/http/clients/node/checked_names.ts";
import { httpTransport } from "../../../../../src/registry/http/transport_stack.ts";
import { withEnvironment } from "../../../../support/cli/in_process.ts";
import { FakeClock } from "../../../../support/fake_clock.ts";
import { TestCa } from "../../../../support/registry/certificates.ts";
import { FakeTransport, get, response } from "../../../../support/registry/fake_transport.ts";
import { ForwardProxy } from "../../../../support/registry/forward_proxy.ts";
import { HttpServer, textAnswer } from "../../../../support/registry/http_server.ts";

const PROXIES = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"];
const NO_PROXIES = Object.fromEntries(
  PROXIES.flatMap((name) => [[name, undefined], [name.toLowerCase(), undefined]]),
);

/** A check that allows the URLs of some hosts, and records what it was asked. */
function allowing(...hosts: string[]): { checkAddress: CheckAddress; asked: string[] } {
  const asked: string[] = [];
  const checkAddress = (url: URL, address: string) => {
    asked.push(`${url.hostname} ${address}`);
    if (hosts.includes(url.host)) return;
    throw new LarderError("LDR_FORBIDDEN", `${url.host} is at ${address}`, { hint: "allow it" });
  };
  return { checkAddress, asked };
}

const isRefusal = (error: unknown) => hasCode(error, "LDR_FORBIDDEN");

async function bodyOf(options: Parameters<typeof httpTransport>[0], url: string): Promise<string> {
  const response = await httpTransport(options).send(get(url));
  return await new Response(response.body).text();
}

Deno.test("httpTransport with checkAddress connects to an address that passes, by name or number", async () => {
  await using server = await HttpServer.start(() => textAnswer(200, "hello"));
  const { port } = new URL(`http://${server.host}`);
  const { checkAddress, asked } = allowing(`127.0.0.1:${port}`, `localhost:${port}`);
  const options = { clock: new FakeClock(), checkAddress };
  assert.equal(await bodyOf(options, `http://127.0.0.1:${port}/`), "hello");
  assert.equal(await bodyOf(options, `http://localhost:${port}/`), "hello");
  assert.equal(asked[0], "127.0.0.1 127.0.0.1");
  assert.ok(asked.includes("localhost 127.0.0.1"), asked.join());
});

Deno.test("httpTransport with checkAddress refuses an address that fails, without a connection", async () => {
  await using server = await HttpServer.start(() => textAnswer(200, "secret"));
  const { port } = new URL(`http://${server.host}`);
  const options = { clock: new FakeClock(), checkAddress: allowing().checkAddress };
  for (const host of ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"]) {
    for (const scheme of ["http", "https"]) {
      await assert.rejects(bodyOf(options, `${scheme}://${host}:${port}/`), isRefusal, host);
    }
    await assert.rejects(
      bodyOf({ ...options, insecure: true }, `https://${host}:${port}/`),
      isRefusal,
    );
  }
  assert.deepEqual(server.requests(), []);
});

Deno.test("httpTransport with checkAddress asks nothing about a listed origin, over TLS and at a blocked port too", async () => {
  await using server = await HttpServer.start(() => textAnswer(200, "hello"));
  const { checkAddress, asked } = allowing();
  for (const insecure of [false, true]) {
    const transport = httpTransport({ clock: new FakeClock(), checkAddress, insecure });
    const request = get(`http://${server.host}/`, { isListed: true });
    assert.equal(await new Response((await transport.send(request)).body).text(), "hello");
    for (const url of ["https://127.0.0.1:1/", "https://127.0.0.1:6000/"]) {
      const refused = transport.send(get(url, { isListed: true, once: true }));
      await assert.rejects(refused, (error) => hasCode(error, "LDR_UNREACHABLE"), url);
    }
  }
  assert.deepEqual(asked, []);
});

Deno.test("httpTransport with checkAddress refuses a redirect to an address that fails", async () => {
  await using inside = await HttpServer.start(() => textAnswer(200, "secret"));
  await using server = await HttpServer.start(() =>
    textAnswer(307, "", { Location: `http://${inside.host}/` })
  );
  const { checkAddress } = allowing(server.host);
  const options = { clock: new FakeClock(), checkAddress };
  await assert.rejects(bodyOf(options, `http://${server.host}/`), isRefusal);
  assert.deepEqual(inside.requests(), []);
});

Deno.test("httpTransport with checkAddress checks certificates by name", async () => {
  using ca = await TestCa.create();
  const { certificate, key } = await ca.issue();
  const [cert, own] = [certificate, key].map((path) => Deno.readTextFileSync(path));
  const settings = { hostname: "127.0.0.1", port: 0, cert: cert!, key: own!, onListen() {} };
  await using server = Deno.serve(settings, () => new Response("hello"));
  const host = `127.0.0.1:${server.addr.port}`;
  const options = { clock: new FakeClock(), checkAddress: allowing(host).checkAddress };
  // Plain HTTP is tried first on loopback; the server does not speak it.
  assert.equal(await bodyOf({ ...options, caCerts: () => [ca.pem] }, `https://${host}/`), "hello");
  await assert.rejects(bodyOf(options, `https://${host}/`), (error) => hasCode(error, "LDR_TLS"));
});

Deno.test("httpTransport with checkAddress checks an address before it asks a proxy", async () => {
  await using server = await HttpServer.start(() => textAnswer(200, "proxied"));
  await using proxy = await ForwardProxy.start(() => Number(server.host.split(":")[1]));
  const options = { clock: new FakeClock(), checkAddress: allowing().checkAddress };
  await withEnvironment({ ...NO_PROXIES, HTTP_PROXY: `http://${proxy.host}` }, async () => {
    await assert.rejects(bodyOf(options, "http://169.254.169.254/"), isRefusal);
    assert.equal(await bodyOf(options, "http://registry.test/"), "proxied");
  });
  assert.deepEqual(proxy.hosts, ["registry.test"]);
});

Deno.test("CheckedNames.send sends a request only if all addresses of its host pass", async () => {
  await withEnvironment(NO_PROXIES, async () => {
    const inner = new FakeTransport(response(200));
    const { checkAddress, asked } = allowing("localhost:1", "[::1]");
    const transport = new CheckedNames(inner, checkAddress);
    await transport.send(get("http://127.0.0.1:2/", { isListed: true }));
    for (const url of ["http://localhost:1/", "http://[::1]/"]) await transport.send(get(url));
    for (const url of ["http://localhost:2/", "http://127.0.0.1/", "https://[::ffff:127.0.0.1]/"]) {
      await assert.rejects(transport.send(get(url)), isRefusal, url);
    }
    const unknown = transport.send(get("https://no-such-host.invalid/"));
    await assert.rejects(unknown, (error) => hasCode(error, "LDR_DNS"));
    const sent = ["http://127.0.0.1:2/", "http://localhost:1/", "http://[::1]/"];
    assert.deepEqual(inner.lines, sent.map((url) => `GET ${url}`));
    assert.ok(asked.includes("localhost 127.0.0.1"), asked.join());
  });
});
