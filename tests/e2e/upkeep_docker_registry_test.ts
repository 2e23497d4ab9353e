/** outdated, update and verify against Debian's docker-registry, with images of umoci and skopeo. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { MEDIA_TYPES } from "../support/cache/artifacts.ts";
import { assertNoStrayFiles, assertStoreSound, filesBelow } from "../support/cache/store_check.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { TestCa } from "../support/registry/certificates.ts";
import { DockerRegistry } from "../support/registry/docker_registry.ts";
import { OciLayout } from "../support/registry/images.ts";
import { TokenServer } from "../support/registry/token_server.ts";

const NAME = "alice";
const PASSWORD = "correct-horse-battery";

async function build(): Promise<OciLayout> {
  const layout = await OciLayout.create();
  await layout.build("one", { layers: [{ "base.txt": "base" }, { "app.txt": "one" }] });
  await layout.build("two", { layers: [{ "base.txt": "base" }, { "app.txt": "two" }] });
  return layout;
}

/** Returns the state of each cached tag, by tag. */
async function states(user: TestUser): Promise<Record<string, string>> {
  const { stdout } = await user.larder(["outdated", "--all", "--format", "json"]);
  const rows: { name: string; state: string }[] = JSON.parse(stdout);
  return Object.fromEntries(rows.map(({ name, state }) => [name.split(":").at(-1), state]));
}

Deno.test("outdated tells current, moved and deleted tags apart, and update pulls the moved one", async () => {
  await using registry = await DockerRegistry.start();
  using layout = await build();
  using user = new TestUser();
  const tagged = (tag: string) => `${registry.host}/team/app:${tag}`;
  const tags = ["stays", "moves", "goes"];
  for (const tag of tags) await layout.push("one", tagged(tag));
  assert.equal((await user.larder(["pull", ...tags.map(tagged)])).code, 0);
  assert.deepEqual(await states(user), { stays: "current", moves: "current", goes: "current" });

  const digest = await layout.push("two", tagged("moves"));
  const folder = join(user.registry, "manifests", registry.host);
  Deno.renameSync(join(folder, "team/app/goes"), join(folder, "team/app/never-was"));
  assert.deepEqual(await states(user), { stays: "current", moves: "behind", "never-was": "gone" });

  const updated = await user.larder(["update", "--all"]);
  assert.equal(updated.code, 0, updated.stderr);
  assert.equal(updated.stdout, `${tagged("moves")}@${digest}\n`);
  assert.match(updated.stderr, /fetched 1 layer .*reused 1 layer/);
  assert.equal((await states(user))["moves"], "current");
});

Deno.test("outdated shows the tag of a deleted manifest as gone, and update keeps its copy", async () => {
  await using registry = await DockerRegistry.start();
  using layout = await build();
  using user = new TestUser();
  const reference = `${registry.host}/app:v1`;
  const digest = await layout.push("one", reference);
  assert.equal((await user.larder(["pull", reference])).code, 0);
  const url = `${registry.url}/v2/app/manifests/${digest}`;
  const response = await fetch(url, {
    method: "DELETE",
    headers: { Accept: MEDIA_TYPES.ociManifest },
  });
  await response.body?.cancel();
  assert.equal(response.status, 202);
  assert.deepEqual(await states(user), { v1: "gone" });
  const { code, stderr } = await user.larder(["update", "--all"]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /\S+app:v1 is no longer in its registry; keeping the cached copy/);
  assertStoreSound(user.registry);
});

Deno.test("verify finds every damaged blob, and --repair fetches it by digest", async () => {
  await using registry = await DockerRegistry.start();
  using layout = await build();
  using user = new TestUser();
  const reference = `${registry.host}/app:v1`;
  const digest = await layout.push("one", reference);
  assert.equal((await user.larder(["pull", reference])).code, 0);
  await layout.push("two", reference);
  for (const path of filesBelow(join(user.registry, "data"))) Deno.truncateSync(path, 5);
  assert.equal((await user.larder(["verify"])).code, 5);
  const { code, stderr } = await user.larder(["verify", "--repair"]);
  assert.equal(code, 0, stderr);
  assertStoreSound(user.registry);
  assertNoStrayFiles(user.registry);
  const offline = await user.larder(["pull", "--offline", reference]);
  assert.equal(offline.stdout, `${reference}@${digest}\n`);
});

Deno.test("outdated requests one token per repository and exits with 4 without credentials", async () => {
  using ca = await TestCa.create();
  const signer = await ca.issue();
  await using server = await TokenServer.start({ signer, users: { [NAME]: PASSWORD } });
  await using registry = await DockerRegistry.start({ tokens: { server, signer } });
  using layout = await build();
  using user = new TestUser();
  const references = ["one", "two"].map((name) => `${registry.host}/team/${name}:v1`);
  const credentials = `${NAME}:${PASSWORD}`;
  for (const reference of references) await layout.push("one", reference, { credentials });
  const auths = { [registry.host]: { auth: btoa(credentials) } };
  const config = user.write(".docker/config.json", { auths });
  assert.equal((await user.larder(["pull", ...references])).code, 0);

  const asked = server.requests().length;
  const { code, stderr } = await user.larder(["outdated", "--verbose"]);
  assert.equal(code, 0, stderr);
  const scopes = server.requests().slice(asked).map(({ query }) => query.get("scope"));
  assert.deepEqual(scopes.sort(), ["repository:team/one:pull", "repository:team/two:pull"]);
  for (const token of server.issued) assert.ok(!stderr.includes(token));

  Deno.removeSync(config);
  const refused = await user.larder(["outdated"]);
  assert.equal(refused.code, 4);
  assert.match(refused.stdout, / unknown +.*needs credentials/);
  assert.match(refused.stderr, /\[LDR_UNAUTHORIZED\]\nhint: .*larder login/);
});
