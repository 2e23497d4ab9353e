import assert from "node:assert/strict";
import { blob, image, randomBytes } from "../support/cache/artifacts.ts";
import {
  assertNoStrayFiles,
  assertStoreSound,
  filesBelow,
  partials,
} from "../support/cache/store_check.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { Gate } from "../support/gate.ts";
import { held, heldAfter, status } from "../support/registry/faults.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";
import { until } from "../support/until.ts";

const LAYER = blob(randomBytes(512 * 1024));
const HALF = 256 * 1024;
/** The `Range` of the second half. */
const RANGE = `bytes=${HALF}-${LAYER.bytes.length - 1}`;
const APP = image([LAYER]);
const PATH = `GET /v2/app/blobs/${LAYER.descriptor.digest}`;

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`pull exits with 130 on ${signal} and succeeds when run again`, async () => {
    await using registry = await TestRegistry.start();
    using user = new TestUser();
    const reference = registry.add("app", APP, "v1");
    const gate = new Gate();
    registry.fail(PATH, heldAfter(HALF, gate), 1);
    await using running = user.spawn(["pull", reference]);
    await gate.reachedBy(running.result);
    running.kill(signal);
    const result = await running.result;
    gate.open();
    assert.equal(result.code, 130, result.stderr);
    assert.equal(result.stdout, "");
    assert.match(
      result.stderr,
      /^error: .*\[LDR_INTERRUPTED\]\nhint: .*continues the partial downloads$/m,
    );
    assert.deepEqual(filesBelow(`${user.registry}/manifests`), []);
    assertStoreSound(user.registry);

    registry.clearLog();
    const again = await user.larder(["pull", reference]);
    assert.equal(again.code, 0, again.stderr);
    assertNoStrayFiles(user.registry);
    assertStoreSound(user.registry);
  });
}

Deno.test("pull continues after a hangup under nohup", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const reference = registry.add("app", APP, "v1");
  const gate = new Gate();
  registry.fail(PATH, heldAfter(HALF, gate), 1);
  await using running = user.spawn(["pull", reference], { under: ["nohup"] });
  await gate.reachedBy(running.result);
  running.kill("SIGHUP");
  gate.open();
  const { code, stderr } = await running.result;
  assert.equal(code, 0, stderr);
});

Deno.test("pull resumes a download that Ctrl-C interrupted", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const reference = registry.add("app", APP, "v1");
  const gate = new Gate();
  registry.fail(PATH, heldAfter(HALF, gate), 1);
  await using running = user.spawn(["pull", reference]);
  await gate.reachedBy(running.result);
  const path = `${user.registry}/partial/${LAYER.descriptor.digest}`;
  const hasHalf = () => partials(user.registry).length > 0 && Deno.statSync(path).size >= HALF;
  await until(hasHalf, running.result);
  running.kill("SIGINT");
  assert.equal((await running.result).code, 130);
  gate.open();
  registry.clearLog();
  assert.equal((await user.larder(["pull", reference])).code, 0);
  const [request] = registry.requests(PATH);
  assert.equal(request?.headers.get("range"), RANGE);
});

Deno.test("pull exits with 130 on Ctrl-C while the registry does not answer", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const gate = new Gate();
  registry.fail("manifests", held(gate));
  await using running = user.spawn(["pull", registry.add("app", APP, "v1")]);
  await gate.reachedBy(running.result);
  running.kill("SIGINT");
  const result = await running.result;
  gate.open();
  assert.equal(result.code, 130, result.stderr);
});

Deno.test("pull exits with 130 on Ctrl-C between two attempts", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  registry.fail("manifests", status(503, { "Retry-After": "50" }));
  await using running = user.spawn(["pull", registry.add("app", APP, "v1")]);
  await running.said("trying again");
  running.kill("SIGINT");
  const result = await running.result;
  assert.equal(result.code, 130, result.stderr);
});
