import assert from "node:assert/strict";
import {
  blob,
  HOST_PLATFORM,
  image,
  index,
  platformOf,
  randomBytes,
} from "../support/cache/artifacts.ts";
import {
  assertNoStrayFiles,
  assertStoreSound,
  filesBelow,
  partials,
} from "../support/cache/store_check.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { Gate } from "../support/gate.ts";
import { held, heldAfter } from "../support/registry/faults.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";

const BIG = blob(randomBytes(256 * 1024, "big"));
const SMALL = blob(randomBytes(1024, "small"));
const PLATFORM = platformOf(HOST_PLATFORM);
const CHILD = image([BIG, SMALL]);
const APP = index([{ artifact: CHILD, platform: PLATFORM }]);

async function assertPullSucceeds(user: TestUser, reference: string): Promise<void> {
  const result = await user.larder(["pull", reference]);
  assert.equal(result.code, 0, result.stderr);
  assertStoreSound(user.registry);
  assertNoStrayFiles(user.registry);
}

Deno.test("pull succeeds after a pull was killed at any request", async (t) => {
  const path = (digest: string) => `GET /v2/app/blobs/${digest}`;
  const stages: [string, string, number?][] = [
    ["at the tag", "GET /v2/app/manifests/v1"],
    ["in the index", "GET /v2/app/manifests/v1", 10],
    ["at the platform's manifest", `/manifests/${CHILD.descriptor.digest}`],
    ["at the config", path(CHILD.blobs[0]!.descriptor.digest)],
    ["at the first layer", path(BIG.descriptor.digest)],
    ["in the first layer", path(BIG.descriptor.digest), 100 * 1024],
    ["at the last byte of the first layer", path(BIG.descriptor.digest), 256 * 1024 - 1],
    ["between the layers", path(SMALL.descriptor.digest)],
    ["in the second layer", path(SMALL.descriptor.digest), 512],
  ];
  for (const [name, what, length] of stages) {
    await t.step(name, async () => {
      await using registry = await TestRegistry.start();
      using user = new TestUser();
      const reference = registry.add("app", APP, "v1");
      const gate = new Gate();
      registry.fail(what, length === undefined ? held(gate) : heldAfter(length, gate));
      await using running = user.spawn(["pull", "--transfers", "1", reference]);
      await gate.reachedBy(running.result);
      running.kill();
      const { code, stdout } = await running.result;
      gate.open();
      assert.equal(code, 137);
      assert.equal(stdout, "");
      assertStoreSound(user.registry);
      assert.deepEqual(filesBelow(`${user.registry}/manifests`), []);
      // One is received while another is stored.
      assert.ok(partials(user.registry).length <= 2);
      await assertPullSucceeds(user, reference);
    });
  }
});

Deno.test("pull keeps the old content after a pull of a moved tag was killed", async (t) => {
  for (const what of ["HEAD /v2/app/manifests/v1", "GET /v2/app/manifests/v1", "/blobs/"]) {
    await t.step(what, async () => {
      await using registry = await TestRegistry.start();
      using user = new TestUser();
      const old = image(["old"]);
      const reference = registry.add("app", old, "v1");
      await assertPullSucceeds(user, reference);
      registry.add("app", APP, "v1");
      const gate = new Gate();
      registry.fail(what, held(gate));
      await using running = user.spawn(["pull", reference]);
      await gate.reachedBy(running.result);
      running.kill();
      await running.result;
      gate.open();
      const offline = await user.larder(["pull", "--offline", reference]);
      assert.equal(offline.code, 0, offline.stderr);
      assert.equal(offline.stdout, `${reference}@${old.descriptor.digest}\n`);
      registry.heal();
      await assertPullSucceeds(user, reference);
    });
  }
});
