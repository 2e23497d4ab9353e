import assert from "node:assert/strict";
import { blob, image, randomBytes } from "../support/cache/artifacts.ts";
import { assertStoreSound } from "../support/cache/store_check.ts";
import { freeAddress, ServingRegistry } from "../support/cli/serving_registry.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";

const LAYER = blob(randomBytes(100_000));
const { digest: DIGEST } = LAYER.descriptor;
const APP = image([LAYER, "small"]);

/** Stops a server and returns what it said. */
async function stopped(serving: ServingRegistry, user: TestUser): Promise<string> {
  const { code, stderr } = await serving.stop();
  assert.equal(code, 0, stderr);
  assertStoreSound(user.registry);
  return stderr;
}

/** Writes a config with mirrors of a registry, each of which has it below its name. */
function mirrorsOf(user: TestUser, registry: string, ...hosts: string[]): string {
  const mirrors = hosts.map((host) => `${host}/${registry}`);
  return user.write("config.yaml", { registries: { [registry]: { mirrors } } });
}

Deno.test("serve follows the config's mirrors but not to itself, and asks no blocked registry", async () => {
  await using registry = await TestRegistry.start();
  await using mirror = await TestRegistry.start();
  using user = new TestUser();
  const app = registry.add("app", APP, "v1").replace(/:v1$/, "");
  mirror.add(app, APP, "v1");
  registry.add("other", APP, "v1");
  const address = freeAddress();
  const config = mirrorsOf(user, registry.host, address, mirror.host);
  const blocked = user.write(
    "blocked.conf",
    '[[registry]]\nprefix = "blocked.test"\nblocked = true',
  );
  const allow = ["--allow", registry.host, "--allow", "blocked.test"];
  await using serving = await ServingRegistry.start(
    user,
    ["--config", config, "--listen", address, ...allow],
    { env: { CONTAINERS_REGISTRIES_CONF: blocked } },
  );
  assert.deepEqual(await serving.bytes(`${app}/manifests/v1`), APP.bytes);
  assert.deepEqual(await serving.bytes(`${app}/blobs/${DIGEST}`), LAYER.bytes);
  assert.deepEqual(registry.requests(), []);
  await serving.bytes(`${registry.host}/other/manifests/v1`);
  assert.equal(registry.requests("GET /v2/other/manifests/v1").length, 1);
  assert.deepEqual(await serving.error("blocked.test/app/manifests/v1"), [403, "DENIED"]);
  const stderr = await stopped(serving, user);
  const own = stderr.split("\n").filter((line) => line.includes(`/v2/${address}`));
  assert.deepEqual(own, [], "it asked itself");
  assert.doesNotMatch(stderr, /warning/);
});

Deno.test("a command whose mirror is a server on its own cache does not wait for it", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const address = freeAddress();
  const config = mirrorsOf(user, registry.host, address);
  const allow = ["--allow", registry.host];
  await using serving = await ServingRegistry.start(user, ["--listen", address, ...allow]);
  const pulled = await user.larder(["--config", config, "pull", registry.add("app", APP, "v1")]);
  assert.equal(pulled.code, 0, pulled.stderr);
  assert.doesNotMatch(pulled.stderr, /warning/);
  assert.equal(registry.downloads(LAYER).length, 1);
  assert.match(await stopped(serving, user), /GET \S+\/blobs\/\S+ 404/);
});

Deno.test("two servers that are mirrors of each other do not wait for each other", async () => {
  await using registry = await TestRegistry.start();
  const app = registry.add("app", APP, "v1").replace(/:v1$/, "");
  using one = new TestUser();
  using two = new TestUser();
  const addresses = [freeAddress(), freeAddress()] as const;
  const start = (user: TestUser, own: string, other: string) =>
    ServingRegistry.start(user, [
      ...["--config", mirrorsOf(user, registry.host, other), "--listen", own],
      ...["--allow", registry.host],
    ]);
  await using first = await start(one, addresses[0], addresses[1]);
  await using second = await start(two, addresses[1], addresses[0]);
  for (const serving of [first, second]) {
    assert.deepEqual(await serving.bytes(`${app}/manifests/v1`), APP.bytes);
    assert.deepEqual(await serving.bytes(`${app}/blobs/${DIGEST}`), LAYER.bytes);
  }
  assert.equal(registry.downloads(LAYER).length, 1);
  for (const [serving, user] of [[first, one], [second, two]] as const) {
    assert.doesNotMatch(await stopped(serving, user), /warning/);
  }
});
