import assert from "node:assert/strict";
import { dirname } from "node:path";
import {
  index,
  multiPlatform,
  platformOf,
  wasmArtifact,
  wasmModule,
} from "../support/cache/artifacts.ts";
import { spinApp } from "../support/cache/spin_apps.ts";
import { assertNoStrayFiles, assertStoreSound } from "../support/cache/store_check.ts";
import { mountTest } from "../support/cli/mounts.ts";
import { type Result, TestUser } from "../support/cli/test_user.ts";
import { BlockedPort } from "../support/registry/blocked_port.ts";
import { TestCa } from "../support/registry/certificates.ts";
import { DockerRegistry, type DockerRegistryOptions } from "../support/registry/docker_registry.ts";
import { OciLayout } from "../support/registry/images.ts";
import { push } from "../support/registry/push.ts";
import { TokenServer } from "../support/registry/token_server.ts";

const NAME = "alice";
const PASSWORD = "correct-horse-battery";

async function pullGood(user: TestUser, args: readonly string[], env = {}): Promise<Result> {
  const result = await user.larder(["pull", ...args], { env });
  assert.equal(result.code, 0, result.stderr);
  assertStoreSound(user.registry);
  assertNoStrayFiles(user.registry);
  return result;
}

function dockerConfig(user: TestUser, registry: DockerRegistry): void {
  const auths = { [registry.host]: { auth: btoa(`${NAME}:${PASSWORD}`) } };
  user.write(".docker/config.json", { auths });
}

Deno.test("pull accepts images of umoci and skopeo in OCI and Docker format", async (t) => {
  await using registry = await DockerRegistry.start();
  using layout = await OciLayout.create();
  await layout.build("v1", {
    layers: [{ "a.txt": "one" }, { "b.txt": "two" }, { "c.txt": "three" }],
  });
  for (const format of ["oci", "v2s2"] as const) {
    await t.step(format, async () => {
      using user = new TestUser();
      const reference = `${registry.host}/team/${format}:v1`;
      const digest = await layout.push("v1", reference, { format });
      const first = await pullGood(user, [reference]);
      assert.equal(first.stdout, `${reference}@${digest}\n`);
      assert.match(first.stderr, /fetched 3 layers/);
      const second = await pullGood(user, [reference]);
      assert.match(second.stderr, /Use image from cache/);
      assert.equal(second.stdout, first.stdout);
    });
  }
});

Deno.test("pull makes one request for an unchanged tag and fetches the new layer of a moved one", async () => {
  await using registry = await DockerRegistry.start();
  using layout = await OciLayout.create();
  using user = new TestUser();
  const reference = `${registry.host}/app:v1`;
  await layout.build("one", { layers: [{ "base.txt": "base" }, { "app.txt": "one" }] });
  await layout.push("one", reference);
  await pullGood(user, [reference]);

  const known = await registry.requests();
  await pullGood(user, [reference]);
  const added = (await registry.requests()).slice(known.length);
  assert.deepEqual(added, ["HEAD /v2/app/manifests/v1"]);

  await layout.build("two", { layers: [{ "base.txt": "base" }, { "app.txt": "two" }] });
  const digest = await layout.push("two", reference);
  const moved = await pullGood(user, [reference]);
  assert.equal(moved.stdout, `${reference}@${digest}\n`);
  assert.match(moved.stderr, /fetched 1 layer .*reused 1 layer/);
});

Deno.test("pull accepts indexes, Wasm artifacts and both forms of Spin apps", async (t) => {
  await using registry = await DockerRegistry.start();
  const platform = platformOf("linux/amd64");
  const artifacts = {
    index: multiPlatform("linux/amd64", "linux/arm64", "wasi/wasm"),
    nested: index([{ artifact: multiPlatform("linux/amd64", "linux/arm64"), platform }]),
    wasm: wasmArtifact(wasmModule("component")),
    spin: await spinApp({ files: { "a.txt": "one" }, archived: { "b.txt": "two" } }),
    "spin-old": await spinApp({ files: { "a.txt": "one" }, old: true }),
  };
  for (const [name, artifact] of Object.entries(artifacts)) {
    await t.step(name, async () => {
      using user = new TestUser();
      await push(registry.url, name, artifact, "v1");
      const reference = `${registry.host}/${name}:v1`;
      const options = name === "index" ? ["--all-platforms"] : ["--platform", "linux/amd64"];
      const result = await pullGood(user, [...options, reference]);
      assert.equal(result.stdout, `${reference}@${artifact.descriptor.digest}\n`);
    });
  }
});

Deno.test("pull exits with 3 for a missing tag, repository or digest", async (t) => {
  await using registry = await DockerRegistry.start();
  await push(registry.url, "app", wasmArtifact(), "v1");
  for (const rest of ["app:v2", "nope:v1", `app@sha256:${"0".repeat(64)}`]) {
    await t.step(rest, async () => {
      using user = new TestUser();
      const result = await user.larder(["pull", `${registry.host}/${rest}`]);
      assert.equal(result.code, 3, result.stderr);
    });
  }
});

Deno.test("pull authenticates against htpasswd", async () => {
  const htpasswd = { user: NAME, password: PASSWORD };
  await using registry = await DockerRegistry.start({ htpasswd });
  using layout = await OciLayout.create();
  using user = new TestUser();
  await layout.build("v1", { layers: [{ "a.txt": "one" }] });
  const reference = `${registry.host}/app:v1`;
  await layout.push("v1", reference, { credentials: `${NAME}:${PASSWORD}` });

  const refused = await user.larder(["pull", reference]);
  assert.equal(refused.code, 4, refused.stderr);
  assert.match(refused.stderr, /\[LDR_UNAUTHORIZED\]\nhint: .*larder login/);
  dockerConfig(user, registry);
  const result = await pullGood(user, ["--verbose", reference]);
  assert.ok(
    !result.stderr.includes(PASSWORD) && !result.stderr.includes(btoa(`${NAME}:${PASSWORD}`)),
  );
});

Deno.test("pull authenticates with a token", async () => {
  using ca = await TestCa.create();
  const signer = await ca.issue();
  await using server = await TokenServer.start({ signer, users: { [NAME]: PASSWORD } });
  await using registry = await DockerRegistry.start({ tokens: { server, signer } });
  using layout = await OciLayout.create();
  using user = new TestUser();
  await layout.build("v1", { layers: [{ "a.txt": "one" }] });
  const reference = `${registry.host}/team/app:v1`;
  await layout.push("v1", reference, { credentials: `${NAME}:${PASSWORD}` });

  assert.equal((await user.larder(["pull", reference])).code, 4);
  dockerConfig(user, registry);
  const asked = server.requests().length;
  const result = await pullGood(user, ["--verbose", reference]);
  const [request] = server.requests().slice(asked);
  assert.equal(request!.query.get("scope"), "repository:team/app:pull");
  for (const token of server.issued) assert.ok(!result.stderr.includes(token));
});

Deno.test("pull verifies TLS with a private CA", async (t) => {
  using ca = await TestCa.create();
  using other = await TestCa.create();
  const tls: DockerRegistryOptions = { tls: { ca } };
  await using registry = await DockerRegistry.start(tls);
  const artifact = wasmArtifact();
  await push(registry.url, "app", artifact, "v1", { caCerts: [ca.pem] });
  const reference = `${registry.host}/app:v1`;
  const good: [string, string[], Record<string, string>][] = [
    ["--ca-file", ["--ca-file", ca.file], {}],
    ["SSL_CERT_FILE", [], { SSL_CERT_FILE: ca.file }],
    ["SSL_CERT_DIR", [], { SSL_CERT_DIR: `/nonexistent:${dirname(ca.file)}` }],
    ["by name", ["--ca-file", ca.file, `localhost:${registry.port}/app:v1`], {}],
  ];
  for (const [name, options, env] of good) {
    await t.step(name, async () => {
      using user = new TestUser();
      const args = options.length === 3 ? options : [...options, reference];
      await pullGood(user, args, env);
    });
  }
  const bad: [string, string[], number, string][] = [
    ["without the CA", [], 6, "LDR_TLS"],
    ["with another CA", ["--ca-file", other.file], 6, "LDR_TLS"],
    ["with a missing CA file", ["--ca-file", "nope.pem"], 2, "LDR_CONFIG"],
    ["with an invalid CA file", ["--ca-file", "garbage.pem"], 2, "LDR_CONFIG"],
  ];
  for (const [name, options, code, error] of bad) {
    await t.step(name, async () => {
      using user = new TestUser();
      user.write("garbage.pem", "garbage");
      const result = await user.larder(["pull", ...options, reference]);
      assert.equal(result.code, code, result.stderr);
      assert.match(result.stderr, new RegExp(`^error: .*\\[${error}\\]\nhint: .+$`, "m"));
    });
  }
});

mountTest("pull trusts the certificates of the system, if they can be read", async () => {
  using ca = await TestCa.create();
  await using registry = await DockerRegistry.start({ tls: { ca } });
  await push(registry.url, "app", wasmArtifact(), "v1", { caCerts: [ca.pem] });
  const reference = `${registry.host}/app:v1`;
  using user = new TestUser();
  const broken = user.write("broken.pem", ca.pem.replace("MII", "!!!"));
  const installed = (file: string) => ({
    under: ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" "$1" && shift && exec "$@"']
      .concat(file, "/etc/ssl/certs/ca-certificates.crt"),
  });
  const pull = (file: string, ...options: string[]) =>
    user.larder(["pull", ...options, reference], installed(file));
  assert.match((await pull(broken)).stderr, /LDR_TLS/);
  for (const [file, ...options] of [[ca.file], [broken, "--ca-file", ca.file]]) {
    const { code, stderr } = await pull(file!, ...options);
    assert.equal(code, 0, stderr);
  }
});

Deno.test("pull uses the config's CA for its registry only", async (t) => {
  using ca = await TestCa.create();
  await using registry = await DockerRegistry.start({ tls: { ca } });
  await push(registry.url, "app", wasmArtifact(), "v1", { caCerts: [ca.pem] });
  const settings: [string, string, string | undefined][] = [
    ["its CA, beside the config file", "ca_file: ca.pem", undefined],
    ["an invalid CA file", "ca_file: garbage.pem", "LDR_CONFIG"],
    ["nothing", "insecure: false", "LDR_TLS"],
  ];
  for (const [name, setting, error] of settings) {
    await t.step(name, async () => {
      using user = new TestUser();
      user.write(".config/larder/ca.pem", ca.pem);
      user.write(".config/larder/garbage.pem", "garbage");
      user.write(
        ".config/larder/config.yaml",
        `registries:\n  ${registry.host}:\n    ${setting}\n`,
      );
      if (!error) {
        await pullGood(user, [`${registry.host}/app:v1`]);
        return;
      }
      const result = await user.larder(["pull", `${registry.host}/app:v1`]);
      assert.match(result.stderr, new RegExp(`^error: .*\\[${error}\\]\nhint: .+$`, "m"));
    });
  }
  await t.step("another registry's CA", async () => {
    using user = new TestUser();
    user.write(".config/larder/ca.pem", ca.pem);
    user.write(".config/larder/config.yaml", "registries: {ghcr.io: {ca_file: ca.pem}}\n");
    const result = await user.larder(["pull", `${registry.host}/app:v1`]);
    assert.match(result.stderr, /LDR_TLS/);
  });
});

Deno.test("pull accepts an untrusted certificate if the config says so", async () => {
  using ca = await TestCa.create();
  await using registry = await DockerRegistry.start({ tls: { ca } });
  using user = new TestUser();
  await push(registry.url, "app", wasmArtifact(), "v1", { caCerts: [ca.pem] });
  const key = `registries.${registry.host}.insecure`;
  assert.equal((await user.larder(["config", "set", key, "true"])).code, 0);
  await pullGood(user, [`${registry.host}/app:v1`]);
});

Deno.test("pull -k accepts an untrusted certificate", async () => {
  using ca = await TestCa.create();
  const htpasswd = { user: NAME, password: PASSWORD };
  await using registry = await DockerRegistry.start({ tls: { ca }, htpasswd });
  using user = new TestUser();
  const authorization = `Basic ${btoa(`${NAME}:${PASSWORD}`)}`;
  await push(registry.url, "app", wasmArtifact(), "v1", { caCerts: [ca.pem], authorization });
  dockerConfig(user, registry);
  await pullGood(user, ["-k", `${registry.host}/app:v1`]);
});

Deno.test("pull reaches a registry at a port that browsers block", async (t) => {
  using ca = await TestCa.create();
  await using registry = await DockerRegistry.start({ tls: { ca } });
  await using blocked = await BlockedPort.inFrontOf(registry.host);
  await push(registry.url, "app", wasmArtifact(), "v1", { caCerts: [ca.pem] });
  for (const option of [["--ca-file", ca.file], ["--insecure"]]) {
    await t.step(option[0]!, async () => {
      using user = new TestUser();
      await pullGood(user, [...option, `${blocked.host}/app:v1`]);
    });
  }
});

Deno.test("pull authenticates against htpasswd over TLS", async () => {
  using ca = await TestCa.create();
  const htpasswd = { user: NAME, password: PASSWORD };
  await using registry = await DockerRegistry.start({ tls: { ca }, htpasswd });
  using user = new TestUser();
  const authorization = `Basic ${btoa(`${NAME}:${PASSWORD}`)}`;
  await push(registry.url, "app", wasmArtifact(), "v1", { caCerts: [ca.pem], authorization });
  dockerConfig(user, registry);
  await pullGood(user, ["--ca-file", ca.file, `${registry.host}/app:v1`]);
});

Deno.test("pull exits with 6 without the registry and uses the cached copy with --stale-if-error", async () => {
  using user = new TestUser();
  const artifact = wasmArtifact();
  let reference: string;
  {
    await using registry = await DockerRegistry.start();
    await push(registry.url, "app", artifact, "v1");
    reference = `${registry.host}/app:v1`;
    await pullGood(user, [reference]);
  }
  const down = await user.larder(["pull", reference]);
  assert.equal(down.code, 6, down.stderr);
  assert.match(down.stderr, /cached copy/);
  await pullGood(user, ["--stale-if-error", "1h", reference]);
});
