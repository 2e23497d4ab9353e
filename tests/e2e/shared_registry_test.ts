import assert from "node:assert/strict";
import { blob, image, index, randomBytes } from "../support/cache/artifacts.ts";
import { assertNoStrayFiles, assertStoreSound } from "../support/cache/store_check.ts";
import { type Result, TestUser } from "../support/cli/test_user.ts";
import { TestCa } from "../support/registry/certificates.ts";
import { DockerRegistry } from "../support/registry/docker_registry.ts";
import { debBytes, FileServer } from "../support/registry/file_server.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";

const APP = image([blob(randomBytes(64 * 1024, "in a shared registry"))]);
const OTHER = image(["of a platform that is not pulled"]);
const INDEX = index([
  { artifact: APP, platform: { os: "linux", architecture: "amd64" } },
  { artifact: OTHER, platform: { os: "linux", architecture: "s390x" } },
]);
const LOGIN = { user: "ci", password: "secret-of-ci" };

async function good(user: TestUser, ...args: string[]): Promise<Result> {
  const result = await user.larder(args);
  assert.equal(result.code, 0, result.stderr);
  assert.doesNotMatch(result.stderr, /warning:/);
  assertStoreSound(user.registry);
  assertNoStrayFiles(user.registry);
  return result;
}

Deno.test("machines share images, packages and builds in docker-registry with a login and a CA of its own", async () => {
  using ca = await TestCa.create();
  await using shared = await DockerRegistry.start({ htpasswd: LOGIN, tls: { ca } });
  await using upstream = await TestRegistry.start();
  await using server = await FileServer.start();
  upstream.add("app", INDEX, "v1");
  const reference = `${upstream.host}/app@${INDEX.descriptor.digest}`;
  const url = server.add("/pool/hello_2.10-3_amd64.deb", debBytes(64 * 1024));
  using a = new TestUser();
  using b = new TestUser();
  for (const user of [a, b]) {
    user.write("shared.key", "a key of more than thirty-two bytes");
    user.write(".config/larder/config.yaml", {
      registries: { [shared.host]: { ca_file: ca.file } },
      shared: {
        url: `oci://${shared.host}/team/cache`,
        write: user === a,
        key_file: user.path("shared.key"),
      },
    });
    user.write("image.yaml", { run: ["sh", "-c", "echo 1 > $LARDER_OUTPUT"], output: "image.img" });
    const login = ["login", shared.host, "-u", LOGIN.user, "--password-stdin"];
    assert.equal((await user.larder(login, { stdin: LOGIN.password })).code, 0);
  }
  const commands = [
    ["pull", "--platform", "linux/amd64", reference],
    ["fetch", url],
    ["build", a.path("image.yaml"), "--sandbox", "none", "-o", a.path("image.img")],
  ];
  for (const command of commands) {
    const { stderr } = await good(a, ...command);
    assert.match(stderr, /wrote \d objects .* to the shared cache oci:/);
    assert.doesNotMatch(stderr, /\(shared\)/);
  }
  await upstream[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  for (const command of commands) {
    assert.match((await good(b, ...command)).stderr, /\(shared\)/);
  }
});
