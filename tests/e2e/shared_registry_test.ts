import assert from "node:assert/strict";
import { run } from "../support/cli/commands.ts";
import { ServingRegistry } from "../support/cli/serving_registry.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { assertShared } from "../support/cli/two_machines.ts";
import { TestCa } from "../support/registry/certificates.ts";
import { DockerRegistry } from "../support/registry/docker_registry.ts";

const LOGIN = { user: "ci", password: "secret-of-ci" };

function logInAt(host: string): (user: TestUser) => Promise<void> {
  return async (user) => {
    const args = ["login", host, "-u", LOGIN.user, "--password-stdin"];
    assert.equal((await user.larder(args, { stdin: LOGIN.password })).code, 0);
  };
}

Deno.test("machines share images, packages and builds in docker-registry with a login and a CA of its own", async () => {
  using ca = await TestCa.create();
  await using registry = await DockerRegistry.start({ htpasswd: LOGIN, tls: { ca } });
  await assertShared({
    shared: { url: `oci://${registry.host}/team/cache` },
    config: { registries: { [registry.host]: { ca_file: ca.file } } },
    prepare: logInAt(registry.host),
  });
});

Deno.test("machines share images, packages and builds in the local/ of a larder serve with a login", async () => {
  using user = new TestUser();
  const line = await run("htpasswd", ["-niB", "-C", "4", LOGIN.user], { stdin: LOGIN.password });
  const htpasswd = user.write("htpasswd", line);
  await using serving = await ServingRegistry.start(user, ["--htpasswd", htpasswd]);
  await assertShared({
    shared: { url: `oci://${serving.host}/local/cache` },
    prepare: logInAt(serving.host),
  });
});
