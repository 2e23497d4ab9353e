import assert from "node:assert/strict";
import { wasmArtifact } from "../support/cache/artifacts.ts";
import { assertStoreSound } from "../support/cache/store_check.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { TestCa } from "../support/registry/certificates.ts";
import { DockerRegistry } from "../support/registry/docker_registry.ts";
import { ForwardProxy } from "../support/registry/forward_proxy.ts";
import { HttpServer, textAnswer } from "../support/registry/http_server.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";
import { push } from "../support/registry/push.ts";

const ARTIFACT = wasmArtifact();

/** Starts a registry whose name, `registry.test`, only the proxy resolves. */
async function startHidden(ca: TestCa): Promise<DockerRegistry> {
  const registry = await DockerRegistry.start({ tls: { ca, names: ["registry.test"] } });
  await push(registry.url, "app", ARTIFACT, "v1", { caCerts: [ca.pem] });
  return registry;
}

Deno.test("pull uses HTTPS_PROXY in upper and lower case", async (t) => {
  using ca = await TestCa.create();
  await using registry = await startHidden(ca);
  for (const name of ["HTTPS_PROXY", "https_proxy"]) {
    await t.step(name, async () => {
      await using proxy = await ForwardProxy.start(() => registry.port);
      using user = new TestUser();
      const reference = "registry.test/app:v1";
      const env = { [name]: `http://${proxy.host}` };
      const result = await user.larder(["pull", "--ca-file", ca.file, reference], { env });
      assert.equal(result.code, 0, result.stderr);
      assert.equal(result.stdout, `${reference}@${ARTIFACT.descriptor.digest}\n`);
      assertStoreSound(user.registry);
      assert.deepEqual([...new Set(proxy.hosts)], ["registry.test:443"]);
    });
  }
});

Deno.test("pull --insecure uses the proxy and exits with 6 and a hint to --ca-file", async () => {
  using ca = await TestCa.create();
  await using registry = await startHidden(ca);
  await using proxy = await ForwardProxy.start(() => registry.port);
  using user = new TestUser();
  const env = { HTTPS_PROXY: `http://${proxy.host}` };
  const result = await user.larder(["pull", "-k", "registry.test/app:v1"], { env });
  assert.equal(result.code, 6, result.stderr);
  assert.match(
    result.stderr,
    /\[LDR_TLS\]\nhint: --insecure does not work through a proxy: .*--ca-file/,
  );
  assert.deepEqual(proxy.hosts, ["registry.test:443"]);
  const args = ["pull", "-k", "--ca-file", ca.file, "registry.test/app:v1"];
  const trusted = await user.larder(args, { env });
  assert.equal(trusted.code, 0, trusted.stderr);
});

Deno.test("pull sends the proxy's credentials to it and does not print them", async () => {
  using ca = await TestCa.create();
  await using registry = await startHidden(ca);
  await using proxy = await ForwardProxy.start(() => registry.port);
  using user = new TestUser();
  const env = { HTTPS_PROXY: `http://alice:proxy-password@${proxy.host}` };
  const args = ["pull", "--verbose", "--ca-file", ca.file, "registry.test/app:v1"];
  const result = await user.larder(args, { env });
  assert.equal(result.code, 0, result.stderr);
  assert.equal(proxy.authorizations[0], `Basic ${btoa("alice:proxy-password")}`);
  await proxy[Symbol.asyncDispose]();
  const down = await user.larder(args, { env });
  assert.equal(down.code, 6, down.stderr);
  for (const { stderr } of [result, down]) {
    assert.ok(!stderr.includes("proxy-password"), stderr);
    assert.ok(!stderr.includes(btoa("alice:proxy-password")), stderr);
  }
});

Deno.test("pull bypasses the proxy for a registry on this machine", async () => {
  await using registry = await DockerRegistry.start();
  await push(registry.url, "app", ARTIFACT, "v1");
  await using proxy = await ForwardProxy.start(() => registry.port);
  for (const name of [registry.host, `localhost:${registry.port}`]) {
    using user = new TestUser();
    const env = { HTTP_PROXY: `http://${proxy.host}` };
    const result = await user.larder(["pull", `${name}/app:v1`], { env });
    assert.equal(result.code, 0, result.stderr);
    assert.deepEqual(proxy.hosts, []);
  }
});

Deno.test("pull asks a proxy that answers 407 once, and names it", async () => {
  await using proxy = await HttpServer.start(() => textAnswer(407, "no"));
  for (
    const [option, reference] of [[[], "registry.test/app:v1"], [
      ["-k"],
      "http.test/app:v1",
    ]] as const
  ) {
    using user = new TestUser();
    const env = { HTTPS_PROXY: `http://${proxy.host}` };
    const result = await user.larder(["pull", ...option, reference], { env });
    assert.equal(result.code, 4, result.stderr);
    assert.ok(result.stderr.includes(`the proxy ${proxy.host} `), result.stderr);
    assert.match(
      result.stderr,
      /\[LDR_UNAUTHORIZED\]\nhint: write USER:PASSWORD@ before the host in HTTPS_PROXY /,
    );
    assert.equal(proxy.requests().length, 1);
    proxy.clearLog();
  }
});

Deno.test("pull exits with 2 for a proxy variable that names no proxy, and bypasses none", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const env = { HTTPS_PROXY: "ftp://user:proxy-password@proxy.test" };
  const result = await user.larder(["pull", "registry.test/app:v1"], { env });
  assert.equal(result.code, 2, result.stderr);
  assert.match(result.stderr, /^error: HTTPS_PROXY is not the address of a proxy \[LDR_CONFIG\]\n/);
  assert.ok(!result.stderr.includes("proxy-password"));
  const local = await user.larder(["pull", registry.add("app", ARTIFACT, "v1")], { env });
  assert.equal(local.code, 0, local.stderr);
});

Deno.test("pull exits with 6 and names the proxy if that is unreachable", async () => {
  await using proxy = await ForwardProxy.start(() => 1);
  using user = new TestUser();
  const proxyHost = proxy.host;
  const env = { HTTPS_PROXY: `http://${proxyHost}` };
  await proxy[Symbol.asyncDispose]();
  const result = await user.larder(["pull", "registry.test/app:v1"], { env });
  assert.equal(result.code, 6, result.stderr);
  const message = `cannot reach registry.test through the proxy ${proxyHost}: Connection refused`;
  assert.ok(result.stderr.includes(`error: ${message} [LDR_UNREACHABLE]`), result.stderr);
});
