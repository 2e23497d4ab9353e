import assert from "node:assert/strict";
import { assertStoreSound } from "../support/cache/store_check.ts";
import { Containerd, Dockerd } from "../support/cli/container_daemon.ts";
import { ServingRegistry } from "../support/cli/serving_registry.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { DockerRegistry } from "../support/registry/docker_registry.ts";
import { OciLayout } from "../support/registry/images.ts";

/** Both mount file systems. */
const isRoot = Deno.build.os === "linux" && Deno.uid() === 0;

/** A server in front of a registry that has `library/app:v1`. */
async function withServer(
  work: (serving: ServingRegistry, user: TestUser, registry: DockerRegistry) => Promise<void>,
): Promise<void> {
  await using registry = await DockerRegistry.start();
  using layout = await OciLayout.create();
  await layout.build("v1", { layers: [{ "file.txt": "of a layer" }, { "other.txt": "another" }] });
  await layout.push("v1", `${registry.host}/library/app:v1`);
  using user = new TestUser();
  await using serving = await ServingRegistry.start(user, [], {
    env: { LARDER_SERVE_DEFAULT_UPSTREAM: registry.host },
  });
  await work(serving, user, registry);
  assert.equal((await serving.stop()).code, 0);
  assertStoreSound(user.registry);
}

/** Returns what `larder serve --print-config` prints for a server. */
async function configFor(client: string, user: TestUser, { host }: ServingRegistry) {
  const printed = await user.larder(["serve", "--listen", host, "--print-config", client]);
  assert.equal(printed.code, 0, printed.stderr);
  return printed.stdout;
}

Deno.test({
  name: `containerd pulls with what --print-config prints, and pushes and pulls back${
    isRoot ? "" : " (needs root)"
  }`,
  ignore: !isRoot,
  fn: () =>
    withServer(async (serving, user, registry) => {
      await using containerd = await Containerd.start();
      user.write("certs.d/_default/hosts.toml", await configFor("containerd", user, serving));
      const hosts = user.path("certs.d");
      const app = `${registry.host}/library/app:v1`;
      await containerd.pull(app, hosts);
      await containerd.remove(app);
      await registry.stop();
      await containerd.pull(app, hosts);
      const pushed = `${serving.host}/local/app:v1`;
      await containerd.ctr("images", "push", "--plain-http", pushed, app);
      await containerd.remove(app);
      await containerd.pull(pushed, hosts);
      assert.match(await containerd.ctr("images", "list"), /\/local\/app:v1 .* sha256:/);
    }),
});

Deno.test({
  name: `dockerd pulls with what --print-config prints, and pushes and pulls back${
    isRoot ? "" : " (needs root)"
  }`,
  ignore: !isRoot,
  fn: () =>
    withServer(async (serving, user, registry) => {
      await using dockerd = await Dockerd.start(await configFor("docker", user, serving));
      await dockerd.pull("app", "v1");
      const [digest] = await dockerd.digests("app:v1");
      await dockerd.remove("app:v1");
      await registry.stop();
      await dockerd.pull("app", "v1");
      assert.deepEqual(await dockerd.digests("app:v1"), [digest]);
      const name = `${serving.host}/local/app`;
      await dockerd.tag("app:v1", name, "v1");
      await dockerd.push(name, "v1");
      for (const each of ["app:v1", `${name}:v1`]) await dockerd.remove(each);
      await dockerd.pull(name, "v1");
      assert.equal((await dockerd.digests(`${name}:v1`)).length, 1);
    }),
});
