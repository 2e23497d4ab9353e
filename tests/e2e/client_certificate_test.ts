import assert from "node:assert/strict";
import { wasmArtifact } from "../support/cache/artifacts.ts";
import { assertStoreSound } from "../support/cache/store_check.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { TestCa } from "../support/registry/certificates.ts";
import { clientOptions, DockerRegistry } from "../support/registry/docker_registry.ts";
import { push } from "../support/registry/push.ts";

async function pullGood(user: TestUser, ...args: string[]): Promise<void> {
  const result = await user.larder(["pull", ...args]);
  assert.equal(result.code, 0, result.stderr);
  assertStoreSound(user.registry);
}

Deno.test("pull uses the certificates of Podman's and Docker's folders for their host", async (t) => {
  using ca = await TestCa.create();
  using other = await TestCa.create();
  const tls = { ca, client: await ca.issueClient() };
  await using registry = await DockerRegistry.start({ tls });
  await push(registry.url, "app", wasmArtifact(), "v1", clientOptions(tls));
  const reference = `${registry.host}/app:v1`;
  const write = (user: TestUser, parent: string, names: readonly string[]) => {
    const files: Record<string, string> = {
      "ca.crt": ca.file,
      "client.cert": tls.client.certificate,
      "client.key": tls.client.key,
    };
    for (const name of names) {
      user.write(`${parent}/${registry.host}/${name}`, Deno.readTextFileSync(files[name]!));
    }
  };
  const all = ["ca.crt", "client.cert", "client.key"];
  for (const parent of [".config/containers/certs.d", ".docker/certs.d"]) {
    await t.step(`a CA and a client certificate in ${parent}`, async () => {
      using user = new TestUser();
      write(user, parent, all);
      await pullGood(user, reference);
    });
  }
  await t.step("a client certificate with --insecure", async () => {
    using user = new TestUser();
    write(user, ".docker/certs.d", ["client.cert", "client.key"]);
    await pullGood(user, "-k", reference);
  });
  const bad: [string, string[], number, RegExp][] = [
    ["no client certificate", ["ca.crt"], 6, /client certificate.*\nhint: .*certs\.d/s],
    ["no CA", ["client.cert", "client.key"], 6, /UnknownIssuer/],
    ["no key", ["ca.crt", "client.cert"], 2, /client\.key is missing.*LDR_CONFIG/],
  ];
  for (const [name, names, code, message] of bad) {
    await t.step(name, async () => {
      using user = new TestUser();
      write(user, ".docker/certs.d", names);
      const result = await user.larder(["pull", reference]);
      assert.equal(result.code, code, result.stderr);
      assert.match(result.stderr, message);
    });
  }
  await t.step("a client certificate of another CA", async () => {
    using user = new TestUser();
    const client = await other.issueClient();
    const folder = `.docker/certs.d/${registry.host}`;
    user.write(`${folder}/ca.crt`, ca.pem);
    user.write(`${folder}/client.cert`, Deno.readTextFileSync(client.certificate));
    user.write(`${folder}/client.key`, Deno.readTextFileSync(client.key));
    const result = await user.larder(["pull", reference]);
    assert.equal(result.code, 6, result.stderr);
    assert.match(
      result.stderr,
      /wants a client certificate, and got none or one that it does not accept/,
    );
  });
});
