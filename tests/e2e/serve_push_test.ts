import assert from "node:assert/strict";
import { join } from "node:path";
import {
  blob,
  image,
  index as indexOf,
  multiPlatform,
  randomBytes,
  wasmArtifact,
} from "../support/cache/artifacts.ts";
import { age, names } from "../support/cache/user_cache.ts";
import {
  assertNoStrayFiles,
  assertStoreSound,
  filesBelow,
  partials,
} from "../support/cache/store_check.ts";
import { run } from "../support/cli/commands.ts";
import { MountedFolder, mountTest } from "../support/cli/mounts.ts";
import { ServingRegistry } from "../support/cli/serving_registry.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { OciLayout } from "../support/registry/images.ts";
import { push } from "../support/registry/push.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";
import { moduleBytes } from "../support/wasm/components.ts";

Deno.test("what was pushed runs, is kept by gc, and goes when clean names it", async () => {
  using user = new TestUser();
  {
    await using serving = await ServingRegistry.start(user);
    await push(serving.url, "local/app", wasmArtifact(await moduleBytes("preview1_command")), "v1");
    await push(serving.url, "local/multi", multiPlatform("linux/amd64", "linux/arm64"), "v1");
    await push(serving.url, "local/other", image([blob(randomBytes(1000))]), "v1");
    await serving.stop();
  }
  const done = await user.larder(["run", "local/app:v1", "--", "a", "ü"]);
  assert.deepEqual([done.code, done.stdout], [0, "a\nü\n"], done.stderr);
  // Of one platform, which is no reason to give up the other one.
  const pulled = await user.larder(["pull", "--platform", "linux/amd64", "local/multi:v1"]);
  assert.equal(pulled.code, 0, pulled.stderr);
  const entries = async () => (await names(user)).filter((name) => name.startsWith("local/"));
  const all = ["local/app:v1", "local/multi:v1", "local/other:v1"];
  assert.deepEqual(await entries(), all);
  assert.match((await user.larder(["info", "local/app:v1"])).stdout, /^PUSHED +in no registry/m);
  assert.match((await user.larder(["df"])).stdout, /^Pushed, and in no registry: 3 entries, /m);
  age(user);
  const collected = await user.larder(["gc", "--unused", "1h", "--max-size", "1B", "--force"]);
  assert.match(collected.stdout + collected.stderr, /pushed/);
  assert.deepEqual(await entries(), all);
  assert.match((await user.larder(["outdated"])).stderr, /no cached tags to check/);
  const verified = await user.larder(["verify"]);
  assert.equal(verified.code, 0, verified.stdout + verified.stderr);
  await user.larder(["clean", "--force"]);
  assert.deepEqual(await entries(), all);
  const cleaned = await user.larder(["clean", "local/other:v1", "--force"]);
  assert.equal(cleaned.code, 0, cleaned.stderr);
  assert.deepEqual(await entries(), ["local/app:v1", "local/multi:v1"]);
  const gone = await user.larder(["run", "local/other:v1"]);
  assert.match(gone.stderr, /local\/other:v1 was not pushed to this cache.*\nhint: push it/);
  assert.equal(gone.code, 3);
  assertStoreSound(user.registry);
  assertNoStrayFiles(user.registry);
});

Deno.test("a push that is killed leaves nothing visible, and goes on after it", async () => {
  using user = new TestUser();
  const content = blob(randomBytes(200_000));
  const { digest } = content.descriptor;
  let path: string;
  {
    await using serving = await ServingRegistry.start(user);
    const begun = await serving.request("local/app/blobs/uploads/", { method: "POST" });
    path = begun.headers.get("location")!.replace("/v2/", "");
    const body = content.bytes.slice(0, 150_000);
    await (await serving.request(path, { method: "PATCH", body })).body?.cancel();
    serving.kill("SIGKILL");
    await serving.result;
  }
  assert.deepEqual(filesBelow(join(user.registry, "data")), []);
  await using serving = await ServingRegistry.start(user);
  const status = await serving.request(path);
  assert.deepEqual([status.status, status.headers.get("range")], [204, "0-149999"]);
  const body = content.bytes.slice(150_000);
  await serving.bytes(`${path}?digest=${digest}`, 201, { method: "PUT", body });
  assert.deepEqual(await serving.bytes(`local/app/blobs/${digest}`), content.bytes);
  await serving.stop();
  assert.deepEqual(partials(user.registry), []);
});

Deno.test("what skopeo pushes is pulled with the same digest", async () => {
  using layout = await OciLayout.create();
  await layout.build("v1", { layers: [{ "file.txt": "of a layer" }] });
  using user = new TestUser();
  await using serving = await ServingRegistry.start(user);
  const digest = await layout.push("v1", `${serving.host}/local/skopeo:v1`);
  const docker = await layout.push("v1", `${serving.host}/local/docker:v1`, { format: "v2s2" });
  const inspect = (name: string) =>
    run("skopeo", [
      ...["inspect", "--tls-verify=false", "--format", "{{.Digest}}"],
      `docker://${serving.host}/${name}`,
    ]);
  assert.equal((await inspect("local/skopeo:v1")).trim(), digest);
  assert.equal((await inspect("local/docker:v1")).trim(), docker);
  await run("skopeo", [
    ...[
      "--insecure-policy",
      "copy",
      "--quiet",
      "--src-tls-verify=false",
      "--dest-tls-verify=false",
    ],
    ...["--preserve-digests", `docker://${serving.host}/local/skopeo:v1`],
    `docker://${serving.host}/local/copy:v2`,
  ]);
  assert.equal((await inspect("local/copy:v2")).trim(), digest);
  const pulled = await user.larder(["pull", "local/copy:v2"]);
  assert.equal(pulled.stdout, `local/copy:v2@${digest}\n`, pulled.stderr);
  await serving.stop();
  assertStoreSound(user.registry);
});

Deno.test("a server that lets everyone in takes no pushes, and one with tokens only from those", async () => {
  using user = new TestUser();
  const token = "0123456789abcdef0123456789abcdef";
  const tokens = user.write("tokens", token);
  Deno.chmodSync(tokens, 0o600);
  const listen = ["--listen", "0.0.0.0:0", "--allow", "docker.io"];
  const begin = async (url: string, headers: HeadersInit = {}) => {
    const local = url.replace("0.0.0.0", "127.0.0.1");
    const path = `${local}/v2/local/app/blobs/uploads/`;
    const response = await fetch(path, { method: "POST", headers });
    const text = await response.text();
    return `${response.status} ${text && JSON.parse(text).errors[0].code}`.trim();
  };
  {
    await using serving = await ServingRegistry.start(user, [...listen, "--open"]);
    assert.equal(await begin(serving.url), "403 DENIED");
  }
  await using serving = await ServingRegistry.start(user, [...listen, "--token", tokens]);
  assert.equal(await begin(serving.url), "401 UNAUTHORIZED");
  assert.equal(await begin(serving.url, { authorization: `Bearer ${token}` }), "202");
});

Deno.test("an export of what was pushed has all platforms and foreign layers, and its import is kept by gc", async () => {
  using user = new TestUser();
  const index = multiPlatform("linux/amd64", "linux/arm64");
  const { digest } = index.descriptor;
  const foreign = blob("foreign", "application/vnd.oci.image.layer.nondistributable.v1.tar");
  const windows = image([foreign]);
  const empty = multiPlatform();
  const partly = indexOf([{ artifact: empty }, { artifact: image(["one"]) }]);
  const bundle = user.path("bundle.tar");
  {
    await using serving = await ServingRegistry.start(user);
    await push(serving.url, "local/multi", index, "v1");
    await push(serving.url, "local/windows", windows, "v1");
    await push(serving.url, "local/empty", empty, "v1");
    await push(serving.url, "local/partly", partly, "v1");
    await serving.stop();
  }
  const why = await user.larder(["why", "localhost:5000/local/multi:v1"]);
  assert.match(why.stdout, new RegExp(`pushed to larder serve as ${digest.slice(7, 19)}`));
  const exported = await user.larder(["export", "local/*", bundle]);
  assert.equal(exported.code, 0, exported.stderr);
  const alone = await user.larder(["export", "local/empty:v1", user.path("empty.tar")]);
  assert.equal(alone.code, 0, alone.stderr);
  using other = new TestUser();
  const imported = await other.larder(["import", bundle]);
  assert.ok(imported.stdout.includes(`local/multi:v1@${digest}\n`), imported.stderr);
  const renamed = ["import", user.path("empty.tar"), "--as", "registry.test/empty:v1"];
  const elsewhere = await other.larder(renamed);
  assert.equal(elsewhere.stdout, `registry.test/empty:v1@${empty.descriptor.digest}\n`);
  age(other);
  const collected = await other.larder(["gc", "--unused", "1h", "--force"]);
  assert.match(collected.stdout + collected.stderr, /pushed/);
  const info = await other.larder(["info", "local/multi:v1"]);
  assert.match(info.stdout, /^PUSHED +in no registry/m);
  await using serving = await ServingRegistry.start(other);
  for (const { descriptor, bytes, blobs } of [index, ...index.children]) {
    assert.deepEqual(await serving.bytes(`local/multi/manifests/${descriptor.digest}`), bytes);
    for (const each of blobs) {
      const path = `local/multi/blobs/${each.descriptor.digest}`;
      assert.deepEqual(await serving.bytes(path), each.bytes);
    }
  }
  assert.deepEqual(await serving.bytes("local/empty/manifests/v1"), empty.bytes);
  assert.deepEqual(await serving.bytes("local/partly/manifests/v1"), partly.bytes);
  const layer = `local/windows/blobs/${foreign.descriptor.digest}`;
  assert.deepEqual(await serving.bytes(layer), foreign.bytes);
  await serving.stop();
  assertStoreSound(other.registry);
});

Deno.test("verify --repair of what was pushed writes a lost record, and says what has to be pushed again", async () => {
  using user = new TestUser();
  const [one, two] = [1000, 1001].map((size) => image([blob(randomBytes(size))]));
  {
    await using serving = await ServingRegistry.start(user);
    await push(serving.url, "local/one", one!, "v1");
    await push(serving.url, "local/two", two!, "v1");
    await serving.stop();
  }
  user.write(".cache/larder/registry/manifests/local/one/v1/record.json", "{");
  age(user);
  const kept = await user.larder(["gc", "--unused", "1h", "--force"]);
  assert.match(kept.stdout + kept.stderr, /2 entries \(pushed, and in no registry\)/);
  const repaired = await user.larder(["verify", "--repair"]);
  assert.equal(repaired.code, 0, repaired.stderr);
  assert.match(repaired.stderr, /repaired local\/one:v1/);
  assert.match((await user.larder(["info", "local/one:v1"])).stdout, /^PUSHED +in no registry/m);
  const [, layer] = two!.blobs;
  user.write(`.cache/larder/registry/data/${layer!.descriptor.digest}`, "damaged");
  const lost = await user.larder(["verify", "--repair"]);
  assert.equal(lost.code, 5, lost.stderr);
  assert.match(lost.stderr, /local\/two:v1 is not complete in this cache, and no registry has it/);
  const gone = await user.larder(["export", "local/two:v1", user.path("two.tar")]);
  assert.match(gone.stderr, /hint: no registry has it: .*push it again/);
  {
    await using serving = await ServingRegistry.start(user);
    await push(serving.url, "local/two", two!, "v1");
    await serving.stop();
  }
  assert.equal((await user.larder(["verify"])).code, 0);
  assertStoreSound(user.registry);
});

mountTest(
  "a push makes room within the limits; a disk that stays full refuses it, whole",
  async () => {
    await using disk = await MountedFolder.tmpfs("3m");
    using user = new TestUser();
    const cache = ["--cache-dir", disk.path];
    const registry = join(disk.path, "registry");
    const old = image([blob(randomBytes(1_400_000))]);
    await using source = await TestRegistry.start();
    const name = source.add("old", old, "v1");
    assert.equal((await user.larder(["pull", name, ...cache])).code, 0);
    const then = new Date(Date.now() - 2 * 86_400_000);
    for (const path of filesBelow(registry)) Deno.utimeSync(path, then, then);
    user.write(".config/larder/config.yaml", "gc:\n  min_free: 100KB\n");
    await using serving = await ServingRegistry.start(user, cache);
    const layers = [1_200_000, 1_200_001].map((size) => blob(randomBytes(size)));
    await push(serving.url, "local/app", image(layers), "v1");
    assert.match(serving.stderr, /made room: /);
    const before = filesBelow(join(registry, "data")).length;
    const { digest } = blob("no room").descriptor;
    const response = await serving.request(`local/app/blobs/uploads/?digest=${digest}`, {
      method: "POST",
      body: new ReadableStream({
        start(controller) {
          controller.enqueue(randomBytes(1_500_000));
          controller.close();
        },
      }),
    });
    const { errors } = await response.json();
    assert.deepEqual([response.status, errors[0].code], [507, "UNAVAILABLE"]);
    assert.match(errors[0].message, /the disk is full/);
    assert.deepEqual(filesBelow(join(registry, "partial")), []);
    assert.equal(filesBelow(join(registry, "data")).length, before);
    await serving.stop();
    assertStoreSound(registry);
  },
);
