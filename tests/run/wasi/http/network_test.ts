/** Which certificates guests' requests trust, and that they go through a proxy. */
import assert from "node:assert/strict";
import { parseHostRule } from "../../../../src/run/grants/outbound_rule.ts";
import type { NetworkSettings } from "../../../../src/run/wasi/http/wire.ts";
import { TestCa } from "../../../support/registry/certificates.ts";
import { ForwardProxy } from "../../../support/registry/forward_proxy.ts";
import { HttpCaller, startEcho, statusAndBody } from "../../../support/wasm/http_caller.ts";

const NOTHING: NetworkSettings = { caCerts: [], insecure: false, proxies: {} };

Deno.test("outgoing-handler trusts what its settings say", async (t) => {
  using ca = await TestCa.create();
  await using server = await ca.serve(() => new Response("secure"));
  const call = async (network: NetworkSettings) => {
    using caller = new HttpCaller({ network });
    const authority = `127.0.0.1:${server.addr.port}`;
    const answer = await caller.call({ scheme: "HTTPS", authority });
    return "tag" in answer ? answer.tag : await statusAndBody(answer);
  };
  await t.step("only built-in certificates by default", async () => {
    assert.equal(await call(NOTHING), "TLS-certificate-error");
  });
  await t.step("a named CA", async () => {
    assert.equal(await call({ ...NOTHING, caCerts: [ca.pem] }), "200 secure");
  });
  await t.step("any certificate", async () => {
    assert.equal(await call({ ...NOTHING, insecure: true }), "200 secure");
  });
});

Deno.test("outgoing-handler sends requests through the proxy of the environment", async () => {
  await using server = startEcho();
  await using proxy = await ForwardProxy.start(() => server.addr.port);
  const before = Deno.env.get("HTTP_PROXY");
  // The runtime itself reads it.
  Deno.env.set("HTTP_PROXY", `http://${proxy.host}`);
  try {
    const proxies = { HTTP_PROXY: `http://${proxy.host}`, NO_PROXY: "direct.invalid" };
    const allowedHosts = ["api.test", "127.0.0.1", "direct.invalid"].map(parseHostRule);
    using caller = new HttpCaller({ allowedHosts, network: { ...NOTHING, proxies } });
    assert.equal(
      await statusAndBody(await caller.call({ authority: "api.test", path: "/a" })),
      "200 GET /a ",
    );
    assert.deepEqual(proxy.hosts, ["api.test"]);
    const itself = await caller.call({ authority: `127.0.0.1:${server.addr.port}` });
    assert.equal(await statusAndBody(itself), "200 GET / ");
    assert.deepEqual(await caller.call({ authority: "direct.invalid" }), {
      tag: "DNS-error",
      val: {},
    });
    assert.deepEqual(proxy.hosts, ["api.test"]);
  } finally {
    if (before === undefined) Deno.env.delete("HTTP_PROXY");
    else Deno.env.set("HTTP_PROXY", before);
  }
});
