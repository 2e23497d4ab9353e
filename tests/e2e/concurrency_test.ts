import assert from "node:assert/strict";
import { blob, image, multiPlatform, randomBytes } from "../support/cache/artifacts.ts";
import { spinApp } from "../support/cache/spin_apps.ts";
import { assertNoStrayFiles, assertStoreSound } from "../support/cache/store_check.ts";
import { type Running, TestUser } from "../support/cli/test_user.ts";
import { Gate } from "../support/gate.ts";
import { held, heldAfter } from "../support/registry/faults.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";
import { until } from "../support/until.ts";

const LAYERS = [1, 2, 3].map((number) => blob(randomBytes(64 * 1024, `layer ${number}`)));
const APP = image(LAYERS);

/** Resolves once the registry has received `times` such requests; fails if this larder ends before. */
async function asked(
  registry: TestRegistry,
  what: string,
  times: number,
  { result }: Running,
): Promise<void> {
  await until(() => registry.requests(what).length >= times, result);
}

const MANIFEST = "GET /v2/app/manifests/v1";

Deno.test("pull downloads each blob once in two concurrent processes", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const reference = registry.add("app", APP, "v1");
  const gate = new Gate();
  registry.fail("/blobs/", heldAfter(1000, gate));
  await using first = user.spawn(["pull", reference]);
  await gate.reachedBy(first.result);
  await using second = user.spawn(["pull", reference]);
  await asked(registry, MANIFEST, 2, second);
  gate.open();
  for (const { code, stdout, stderr } of await Promise.all([first.result, second.result])) {
    assert.equal(code, 0, stderr);
    assert.equal(stdout, `${reference}@${APP.descriptor.digest}\n`);
  }
  for (const part of APP.blobs) assert.equal(registry.downloads(part).length, 1);
  assertStoreSound(user.registry);
  assertNoStrayFiles(user.registry);
});

Deno.test("pull prints for which process it waits, with its command line", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const reference = registry.add("app", APP, "v1");
  const gate = new Gate();
  registry.fail("/blobs/", heldAfter(1000, gate));
  await using first = user.spawn(["pull", reference]);
  await gate.reachedBy(first.result);
  await using second = user.spawn(["pull", reference]);
  await second.said("waiting for process ");
  gate.open();
  const { stderr } = await second.result;
  const [, pid, command] =
    /\/app:v1: waiting for process (\d+) \((.+)\), which is fetching [0-9a-f]{12}$/m
      .exec(stderr) ?? [];
  assert.equal(stderr.match(/waiting for/g)?.length, 1, "one line for all blobs of the process");
  assert.equal(Number(pid), first.pid, stderr);
  assert.ok(command, stderr);
  await first.result;
});

Deno.test("pull succeeds after the process it waits for was killed", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const reference = registry.add("app", APP, "v1");
  const gate = new Gate();
  registry.fail("/blobs/", heldAfter(1000, gate), APP.blobs.length);
  await using first = user.spawn(["pull", reference]);
  await asked(registry, "/blobs/", APP.blobs.length, first);
  await using second = user.spawn(["pull", reference]);
  await asked(registry, MANIFEST, 2, second);
  first.kill();
  const { code, stderr } = await second.result;
  gate.open();
  assert.equal(code, 0, stderr);
  assertStoreSound(user.registry);
  assertNoStrayFiles(user.registry);
});

Deno.test("pull succeeds in many concurrent processes on artifacts that share blobs", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const artifacts = [
    APP,
    image([LAYERS[0]!, "own"]),
    image([LAYERS[1]!, LAYERS[2]!]),
    multiPlatform("linux/amd64", "linux/arm64"),
    await spinApp({ archived: { "a.txt": "one" }, files: { "b.txt": "two" } }),
  ];
  const references = artifacts.map((artifact, i) => registry.add("app", artifact, `v${i}`));
  const runs = [...references, ...references].map((reference) => user.larder(["pull", reference]));
  for (const { code, stderr } of await Promise.all(runs)) assert.equal(code, 0, stderr);
  for (const layer of LAYERS) assert.equal(registry.downloads(layer).length, 1);
  assertStoreSound(user.registry);
  assertNoStrayFiles(user.registry);
});

Deno.test("pull fetches again if the cache is deleted while it runs", async (t) => {
  const [layer] = LAYERS as [typeof LAYERS[0]];
  const app = image([layer, "small"]);
  const folders: [string, (user: TestUser) => string][] = [
    ["registry", (user) => user.registry],
    ["its parent", (user) => user.cache],
    ["partial", (user) => `${user.registry}/partial`],
    ["data", (user) => `${user.registry}/data`],
  ];
  const moments: [string, string, number?][] = [
    ["at a layer", `/blobs/${layer.descriptor.digest}`],
    ["in a layer", `/blobs/${layer.descriptor.digest}`, 1000],
  ];
  for (const [name, folderOf] of folders) {
    for (const [moment, what, length] of moments) {
      await t.step(`${name}, ${moment}`, async () => {
        await using registry = await TestRegistry.start();
        using user = new TestUser();
        const reference = registry.add("app", app, "v1");
        const gate = new Gate();
        registry.fail(what, length === undefined ? held(gate) : heldAfter(length, gate), 1);
        await using running = user.spawn(["pull", "--transfers", "1", reference]);
        await gate.reachedBy(running.result);
        await deleteFolder(folderOf(user));
        gate.open();
        const result = await running.result;
        assert.equal(result.code, 0, result.stderr);
        assert.equal(result.stdout, `${reference}@${app.descriptor.digest}\n`);
        assertStoreSound(user.registry);
        const offline = await user.larder(["pull", "--offline", reference]);
        assert.equal(offline.code, 0, offline.stderr);
      });
    }
  }
});

/** Deletes a folder into which another process may be writing. */
async function deleteFolder(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

Deno.test("pull either succeeds or exits with 7 while the cache is deleted repeatedly", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const reference = registry.add("app", image(["a", "b", "c", "d"]), "v1");
  const runs = Array.from({ length: 6 }, () => user.larder(["pull", reference]));
  const done = Promise.all(runs);
  let running = true;
  done.finally(() => running = false);
  while (running) {
    await deleteFolder(user.registry).catch(() => {}); // A pull wrote a file meanwhile.
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  for (const { code, stderr } of await done) {
    if (code === 0) continue;
    assert.match(stderr, /\[LDR_DISK\]/);
    assert.equal(code, 7);
  }
  const last = await user.larder(["pull", reference]);
  assert.equal(last.code, 0, last.stderr);
  assertStoreSound(user.registry);
  assertNoStrayFiles(user.registry);
});

Deno.test("pull --transfers limits the concurrent downloads", async (t) => {
  const app = image(Array.from({ length: 8 }, (_, i) => `layer ${i}`));
  for (const transfers of [1, 3]) {
    await t.step(`${transfers}`, async () => {
      await using registry = await TestRegistry.start();
      using user = new TestUser();
      const gate = new Gate();
      let [underWay, most] = [0, 0];
      registry.fail("/blobs/", async (answer) => {
        most = Math.max(most, ++underWay);
        if (underWay === transfers) gate.open();
        await gate.pass();
        await new Promise((resolve) => setTimeout(resolve, 20)); // Time for one request too many to arrive.
        underWay--;
        return answer;
      });
      const reference = registry.add("app", app, "v1");
      const { code, stderr } = await user.larder([
        "pull",
        "--transfers",
        `${transfers}`,
        reference,
      ]);
      assert.equal(code, 0, stderr);
      assert.equal(most, transfers);
    });
  }
});
