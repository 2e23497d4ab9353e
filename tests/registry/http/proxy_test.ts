import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { isProxyBypassed, withoutProxies } from "../../../src/registry/http/proxy.ts";
import { childEnvironment } from "../../support/cli/environment.ts";
import { TestCa } from "../../support/registry/certificates.ts";
import { ForwardProxy } from "../../support/registry/forward_proxy.ts";
import { HttpServer, textAnswer } from "../../support/registry/http_server.ts";

/** URL, `NO_PROXY`, and whether the proxy is bypassed although the runtime would use it. */
const BYPASSES: [string, string | undefined, boolean][] = [
  ["http://reg.test/", undefined, false],
  ["http://reg.test/", "", false],
  ["http://reg.test:5000/", "reg.test:5000", true],
  ["http://reg.test:5000/", "REG.test:5000", true],
  ["http://reg.test:5000/", "other.test, reg.test:5000 ", true],
  ["http://reg.test:5000/", "reg.test:5001", false],
  ["http://reg.test:5000/", "reg.test:500", false],
  ["http://reg.test/", "reg.test:80", true],
  ["https://reg.test/", "reg.test:443", true],
  ["https://reg.test/", "reg.test:80", false],
  ["http://a.reg.test:5000/", "reg.test:5000", true],
  ["http://a.reg.test:5000/", ".reg.test:5000", true],
  ["http://a.reg.test:5000/", "*.reg.test:5000", true],
  ["http://areg.test:5000/", "reg.test:5000", false],
  ["http://10.0.0.1:5000/", "10.0.0.1:5000", true],
  ["http://[fe80::1]:5000/", "[fe80::1]:5000", true],
  ["http://reg.test:5000/", "*", true],
  ["http://reg.test:5000/", "*:5000", false],
  ["http://reg.test:5000/", ":5000", false],
  ["http://reg.test:5000/", "reg.test", false],
  ["http://localhost:5000/", undefined, true],
  ["https://127.0.0.1/", undefined, true],
  ["http://[::1]:5000/", "other.test", true],
];

for (const [url, noProxy, bypassed] of BYPASSES) {
  Deno.test(`isProxyBypassed is ${bypassed} for ${url} with NO_PROXY="${noProxy}"`, () => {
    assert.equal(isProxyBypassed(new URL(url), noProxy), bypassed);
  });
}

Deno.test("withoutProxies hides the proxy variables during a call, even one that fails", () => {
  const names = ["HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
  const before = names.map((name) => Deno.env.get(name));
  try {
    for (const name of names) Deno.env.set(name, `http://${name}.test`);
    const values = withoutProxies(() => names.map((name) => Deno.env.get(name)));
    assert.deepEqual(values, names.map(() => undefined));
    assert.throws(() =>
      withoutProxies(() => {
        throw new Error("x");
      })
    );
    assert.deepEqual(names.map((name) => Deno.env.get(name)), names.map((n) => `http://${n}.test`));
    assert.equal(Deno.env.get("http_proxy_that_never_was"), undefined);
  } finally {
    names.forEach((name, i) => {
      if (before[i] === undefined) Deno.env.delete(name);
      else Deno.env.set(name, before[i]);
    });
  }
});

/** Fetches URLs in a process with only this environment. */
async function fetchWith(env: Record<string, string>, ...urls: string[]): Promise<string[]> {
  const script = fileURLToPath(new URL("../../support/registry/fetch_urls.ts", import.meta.url));
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--no-config", "--no-lock", script, ...urls],
    clearEnv: true,
    env: childEnvironment(env),
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim().split("\n");
}

/** `0.0.0.0` reaches this machine too, but through a proxy, because it is not a loopback name. */
const proxiedHost = (server: HttpServer) => server.host.replace("127.0.0.1", "0.0.0.0");

/** Name, environment for a proxy and a server, and whether the proxy is used. */
const USES: [string, (proxy: string, server: string) => Record<string, string>, boolean][] = [
  ["HTTP_PROXY", (proxy) => ({ HTTP_PROXY: proxy }), true],
  ["http_proxy", (proxy) => ({ http_proxy: proxy }), true],
  ["ALL_PROXY", (proxy) => ({ ALL_PROXY: proxy }), true],
  ["HTTPS_PROXY for plain HTTP", (proxy) => ({ HTTPS_PROXY: proxy }), false],
  ["NO_PROXY with the host", (proxy) => ({ HTTP_PROXY: proxy, NO_PROXY: "x,0.0.0.0" }), false],
  ["no_proxy with the host", (proxy) => ({ HTTP_PROXY: proxy, no_proxy: "0.0.0.0" }), false],
  ["NO_PROXY with another host", (proxy) => ({ HTTP_PROXY: proxy, NO_PROXY: "reg.test" }), true],
  ["NO_PROXY with the port", (proxy, server) => ({ HTTP_PROXY: proxy, NO_PROXY: server }), false],
  [
    "ALL_PROXY and NO_PROXY with the port",
    (proxy, server) => ({ all_proxy: proxy, NO_PROXY: server }),
    false,
  ],
  ["NO_PROXY with another port", (proxy) => ({ HTTP_PROXY: proxy, NO_PROXY: "0.0.0.0:1" }), true],
  ["NO_PROXY=*", (proxy) => ({ HTTP_PROXY: proxy, NO_PROXY: "*" }), false],
];

for (const [name, environment, used] of USES) {
  Deno.test(`FetchTransport ${used ? "uses" : "does not use"} a proxy with ${name}`, async () => {
    await using server = await HttpServer.start(() => textAnswer(200, "served"));
    await using proxy = await ForwardProxy.start(() => Number(server.host.split(":")[1]));
    const env = environment(`http://${proxy.host}`, proxiedHost(server));
    assert.deepEqual(await fetchWith(env, `http://${proxiedHost(server)}/x`), ["200 served"]);
    assert.deepEqual(proxy.hosts, used ? [proxiedHost(server)] : []);
  });
}

Deno.test("FetchTransport uses no proxy for this machine", async () => {
  await using server = await HttpServer.start(() => textAnswer(200, "served"));
  await using proxy = await ForwardProxy.start(() => 1);
  const env = { HTTP_PROXY: `http://${proxy.host}`, ALL_PROXY: `http://${proxy.host}` };
  const port = server.host.split(":")[1];
  const urls = [`http://${server.host}/`, `http://localhost:${port}/`];
  assert.deepEqual(await fetchWith(env, ...urls), ["200 served", "200 served"]);
  assert.deepEqual(proxy.hosts, []);
});

Deno.test("FetchTransport sends HTTPS through a tunnel and checks the server's certificate", async () => {
  using ca = await TestCa.create();
  await using server = await ca.serve(() => new Response("secure"), { names: ["reg.test"] });
  await using proxy = await ForwardProxy.start(() => server.addr.port);
  const env = { HTTPS_PROXY: `http://me:hunter2@${proxy.host}`, CA_FILE: ca.file };
  const [good, bad] = await fetchWith(env, "https://reg.test/", "https://other.test/");
  assert.equal(good, "200 secure");
  assert.match(bad!, /^LDR_TLS no secure connection to other\.test: invalid peer certificate/);
  assert.deepEqual(proxy.hosts, ["reg.test:443", "other.test:443"]);
  assert.equal(proxy.authorizations[0], `Basic ${btoa("me:hunter2")}`);
});

Deno.test("FetchTransport fails with LDR_UNREACHABLE for a missing proxy, without its password", async () => {
  const proxy = await ForwardProxy.start(() => 1);
  const { host } = proxy;
  await proxy[Symbol.asyncDispose]();
  const env = { ALL_PROXY: `http://me:hunter2@${host}` };
  const lines = await fetchWith(env, "http://reg.test/", "https://reg.test/");
  for (const line of lines) {
    assert.match(line, /^LDR_UNREACHABLE /);
    assert.doesNotMatch(line, /hunter2/);
  }
});
