import assert from "node:assert/strict";
import { join } from "node:path";
import { blob, image, multiPlatform, randomBytes } from "../support/cache/artifacts.ts";
import {
  assertNoStrayFiles,
  assertStoreSound,
  filesBelow,
  partials,
} from "../support/cache/store_check.ts";
import { hasProgram, run } from "../support/cli/commands.ts";
import { childEnvironment } from "../support/cli/environment.ts";
import { MountedFolder, mountTest } from "../support/cli/mounts.ts";
import { freeAddress, ServingRegistry } from "../support/cli/serving_registry.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { Gate } from "../support/gate.ts";
import { DockerRegistry } from "../support/registry/docker_registry.ts";
import { heldAfter } from "../support/registry/faults.ts";
import { OciLayout } from "../support/registry/images.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";
import { until } from "../support/until.ts";

const LAYER = blob(randomBytes(2_000_000));
const { digest: DIGEST } = LAYER.descriptor;
const APP = image([LAYER, "small"]);
const HALF = 1_000_000;

/** Stops a server in order and checks what it leaves. */
async function stopped(serving: ServingRegistry, user: TestUser): Promise<string> {
  const { code, stdout, stderr } = await serving.stop();
  assert.deepEqual([code, stdout], [0, ""], stderr);
  assert.deepEqual(filesBelow(join(user.registry, "leases")), []);
  assertStoreSound(user.registry);
  return stderr;
}

Deno.test("serve starts without any registry, answers, and logs each request", async () => {
  using user = new TestUser();
  await using serving = await ServingRegistry.start(user);
  assert.equal((await (await fetch(`${serving.url}/healthz`)).text()).trim(), "ok");
  assert.deepEqual(await serving.bytes(""), new TextEncoder().encode("{}"));
  assert.deepEqual(await serving.error("localhost:1/app/manifests/v1"), [502, "UNAVAILABLE"]);
  assert.deepEqual(await serving.error("localhost:1/app/manifests/sha256:1"), [
    400,
    "DIGEST_INVALID",
  ]);
  const stderr = await stopped(serving, user);
  assert.match(stderr, /^127\.0\.0\.1 GET \/v2\/ 200 - [\d.]+ ms$/m);
  assert.match(
    stderr,
    /^127\.0\.0\.1 GET \/v2\/localhost:1\/app\/manifests\/v1 502 - [\d.]+ ms: .*localhost:1/m,
  );
  assert.match(stderr, /\/sha256:1 400 - [\d.]+ ms: "sha256:1" is not a digest$/m);
});

Deno.test("serve --quiet logs no requests", async () => {
  using user = new TestUser();
  const address = freeAddress();
  const options = ["--quiet", "serve", "--listen", address];
  await using running = user.spawn(options);
  await until(() => isListening(address), running.result);
  await (await fetch(`http://${address}/v2/`)).body?.cancel();
  running.kill("SIGTERM");
  const { code, stderr } = await running.result;
  assert.deepEqual([code, stderr], [0, ""]);
});

Deno.test("serve listens again after it had no file descriptor for a connection", async () => {
  using user = new TestUser();
  await using serving = await ServingRegistry.start(user);
  const { port } = new URL(serving.url);
  await serving.bytes("");
  const used = [...Deno.readDirSync(`/proc/${serving.pid}/fd`)].length;
  await run("prlimit", ["--pid", String(serving.pid), `--nofile=${used + 5}:`]);
  const connections: Deno.Conn[] = [];
  const connect = async () => {
    connections.push(await Deno.connect({ hostname: "127.0.0.1", port: Number(port) }));
  };
  const isFull = () => serving.stderr.includes("cannot accept connections");
  for (let i = 0; i < 1000 && !isFull(); i++) {
    await connect().catch(() => new Promise((resolve) => setTimeout(resolve, 20)));
  }
  assert.ok(isFull(), serving.stderr);
  for (const connection of connections) connection.close();
  const isAnswered = () => serving.bytes("").then(() => true, () => false);
  while (!await isAnswered()) await until(() => isListening(serving.host), serving.result);
  assert.match(await stopped(serving, user), /warning: cannot accept connections: .*open files/);
});

Deno.test("serve finishes the transfers under way on SIGTERM", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  await using serving = await ServingRegistry.start(user);
  const name = registry.add("app", APP, "v1").replace(/:v1$/, "");
  await serving.bytes(`${name}/manifests/v1`);
  const gate = new Gate();
  registry.fail("/blobs/", heldAfter(HALF, gate));
  const response = await serving.request(`${name}/blobs/${DIGEST}`);
  serving.kill("SIGTERM");
  await serving.said("stopping");
  assert.deepEqual(await serving.error(`${name}/manifests/v1`), [503, "UNAVAILABLE"]);
  gate.open();
  assert.deepEqual(new Uint8Array(await response.arrayBuffer()), LAYER.bytes);
  assert.equal((await serving.result).code, 0);
  assertStoreSound(user.registry);
});

Deno.test("serve that was killed with six clients continues the download when it runs again", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const name = registry.add("app", APP, "v1").replace(/:v1$/, "");
  const gate = new Gate();
  registry.fail("/blobs/", heldAfter(HALF, gate), 1);
  {
    await using serving = await ServingRegistry.start(user);
    await serving.bytes(`${name}/manifests/v1`);
    const clients = await Promise.all(
      Array.from({ length: 6 }, () => serving.request(`${name}/blobs/${DIGEST}`)),
    );
    await until(() => sizeOfPartial(user) > HALF / 2, serving.result);
    serving.kill("SIGKILL");
    for (const client of clients) await assert.rejects(client.arrayBuffer());
  }
  gate.open();
  registry.clearLog();
  await using serving = await ServingRegistry.start(user);
  const bodies = await Promise.all(
    Array.from({ length: 6 }, () => serving.bytes(`${name}/blobs/${DIGEST}`)),
  );
  for (const body of bodies) assert.deepEqual(body, LAYER.bytes);
  const [request, ...others] = registry.downloads(LAYER);
  assert.match(request!.headers.get("range")!, /^bytes=[1-9]/);
  assert.equal(others.length, 0);
  assert.equal((await serving.stop()).code, 0);
  assertStoreSound(user.registry);
  // The lease of the killed server, which the next collector removes.
  assertNoStrayFiles(withoutFolder(user.registry, "leases"));
});

Deno.test("what serve keeps is complete for every command, and pull makes it an ordinary entry", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  await using serving = await ServingRegistry.start(user);
  const many = registry.add("many", multiPlatform("linux/amd64", "linux/arm64"), "v1");
  const app = registry.add("app", APP, "v1");
  for (const reference of [many, app]) {
    await serving.bytes(`${reference.replace(/:v1$/, "")}/manifests/v1`);
  }
  await serving.bytes(`${app.replace(/:v1$/, "")}/blobs/${DIGEST}`);
  await stopped(serving, user);
  const good = async (...args: string[]) => {
    const result = await user.larder(args);
    assert.equal(result.code, 0, result.stderr);
    return result;
  };
  const listed = JSON.parse((await good("list", "--format", "json")).stdout);
  assert.deepEqual(
    listed.map(({ type, name, problem }: Record<string, unknown>) => [type, name, problem]),
    [["image", app, null], ["image", many, null]],
  );
  assert.match((await good("info", app)).stdout, /^SERVED +has the parts/m);
  await good("verify");
  await good("gc", "--force");
  await good("gc", "--unused", "0s", "--force", "--dry-run");
  assert.deepEqual((await good("update", "--all")).stdout, "");
  const exported = await user.larder(["export", app, user.path("x.tar")]);
  assert.match(exported.stderr, /not complete in the cache.*\nhint: larder pull /);
  registry.clearLog();
  await good("pull", "--platform", "linux/amd64", app);
  assert.equal(registry.downloads(LAYER).length, 0);
  await good("pull", "--platform", "linux/amd64", many);
  assert.doesNotMatch((await good("info", app)).stdout, /^SERVED/m);
  await good("pull", "--offline", "--platform", "linux/amd64", many);
  await good("verify");
  assertStoreSound(user.registry);
});

Deno.test("serve confirms a pulled entry, and replaces it when the tag has moved", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const reference = registry.add("app", APP, "v1");
  assert.equal((await user.larder(["pull", reference])).code, 0);
  await using serving = await ServingRegistry.start(user);
  const path = `${reference.replace(/:v1$/, "")}/manifests/v1`;
  assert.deepEqual(await serving.bytes(path), APP.bytes);
  const offline = await user.larder(["pull", "--offline", reference]);
  assert.equal(offline.code, 0, offline.stderr);
  const moved = image(["moved"]);
  registry.add("app", moved, "v1");
  for (let body = await serving.bytes(path); body.length !== moved.bytes.length;) {
    body = await serving.bytes(path);
  }
  await stopped(serving, user);
  const { stdout } = await user.larder(["info", reference]);
  assert.match(stdout, new RegExp(`^DIGEST +${moved.descriptor.digest}$`, "m"));
  assert.match(stdout, /^SERVED/m);
});

Deno.test("container tools pull with what --print-config prints, also while the registry is away", async (t) => {
  using user = new TestUser();
  using layout = await OciLayout.create();
  await layout.build("v1", { layers: [{ "a.txt": "one" }, { "b.txt": "two" }] });
  await using registry = await DockerRegistry.start();
  await layout.push("v1", `${registry.host}/team/app:v1`);
  // A name that no machine resolves, with the registry as its mirror: Docker's grammar has no ports in the middle.
  const name = "registry.invalid";
  user.write(".config/larder/config.yaml", { registries: { [name]: { mirrors: registry.host } } });
  const allow = ["--allow", name, "--allow", registry.host];
  await using serving = await ServingRegistry.start(user, allow);
  const print = ["--listen", serving.host, "--allow", name, "--print-config", "podman"];
  const { stdout } = await user.larder(["serve", ...print]);
  const conf = user.write("registries.conf", stdout);
  const pullAll = async (reference: string, phase: string) => {
    await t.step(`skopeo, ${phase}`, async () => {
      const to = `dir:${user.path(phase)}`;
      await run("skopeo", ["--registries-conf", conf, "copy", `docker://${reference}`, to]);
    });
    for (const tool of ["podman", "buildah"]) {
      await t.step({
        name: `${tool}, ${phase}${hasProgram(tool) ? "" : ` (needs ${tool})`}`,
        ignore: !hasProgram(tool),
        fn: async () => {
          const folder = user.path(`${tool} ${phase}`);
          const roots = ["--root", join(folder, "root"), "--runroot", join(folder, "run")];
          const env = childEnvironment({ CONTAINERS_REGISTRIES_CONF: conf });
          await run(tool, [...roots, "--storage-driver", "vfs", "pull", reference], { env });
        },
      });
    }
  };
  await pullAll(`${name}/team/app:v1`, "cold");
  await registry.stop();
  // An answer of the registry is reused for a second.
  for (let isStale = false; !isStale;) {
    const response = await serving.request(`${name}/team/app/manifests/v1`);
    await response.body?.cancel();
    isStale = response.headers.has("warning");
  }
  await pullAll(`${name}/team/app:v1`, "away");
  const manifest = (phase: string) =>
    Deno.readTextFileSync(join(user.path(phase), "manifest.json"));
  assert.equal(manifest("away"), manifest("cold"));
  assert.match(await stopped(serving, user), /warning: .*serving the copy of/);
});

mountTest("serve gives a client its bytes although the disk is full or read-only", async (t) => {
  await using registry = await TestRegistry.start();
  const name = registry.add("app", APP, "v1").replace(/:v1$/, "");
  const pullAll = async (cache: string, said: RegExp) => {
    using user = new TestUser();
    await using serving = await ServingRegistry.start(user, ["--cache-dir", cache]);
    assert.deepEqual(await serving.bytes(`${name}/manifests/v1`), APP.bytes);
    assert.deepEqual(await serving.bytes(`${name}/blobs/${DIGEST}`), LAYER.bytes);
    const range = { headers: { range: "bytes=1500000-1500009" } };
    assert.deepEqual(
      await serving.bytes(`${name}/blobs/${DIGEST}`, 206, range),
      LAYER.bytes.slice(1_500_000, 1_500_010),
    );
    const { stderr } = await serving.stop();
    assert.match(stderr, said);
  };
  await t.step("full in the middle", async () => {
    await using disk = await MountedFolder.tmpfs("1m");
    await pullAll(disk.path, /warning: cannot keep sha256:.*: .*the disk is full/);
  });
  await t.step("read-only", async () => {
    using user = new TestUser();
    await using disk = await MountedFolder.readOnly(user.home);
    await pullAll(disk.path, /warning: cannot keep .*read-only/);
  });
});

function sizeOfPartial(user: TestUser): number {
  const [name] = partials(user.registry);
  return name === undefined ? 0 : Deno.statSync(join(user.registry, "partial", name)).size;
}

function isListening(address: string): boolean {
  const [, port] = address.split(":");
  const hex = Number(port).toString(16).toUpperCase().padStart(4, "0");
  return Deno.readTextFileSync("/proc/net/tcp").includes(`0100007F:${hex} 00000000:0000 0A`);
}

function withoutFolder(root: string, name: string): string {
  Deno.removeSync(join(root, name), { recursive: true });
  return root;
}
