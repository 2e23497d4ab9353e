import assert from "node:assert/strict";
import { blob, image, randomBytes } from "../support/cache/artifacts.ts";
import { assertNoStrayFiles, assertStoreSound } from "../support/cache/store_check.ts";
import { type Result, TestUser } from "../support/cli/test_user.ts";
import { status } from "../support/registry/faults.ts";
import { S3Server } from "../support/registry/s3_server.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";

const LAYER = blob(randomBytes(64 * 1024, "shared layer"));
const APP = image([LAYER, "a small one"]);

function configure(user: TestUser, s3: S3Server, settings: object = {}): void {
  user.write(".config/larder/config.yaml", { shared: s3.settings(settings) });
}

async function good(user: TestUser, s3: S3Server, args: readonly string[]): Promise<Result> {
  const result = await user.larder(args, { env: s3.environment });
  assert.equal(result.code, 0, result.stderr);
  assertStoreSound(user.registry);
  assertNoStrayFiles(user.registry);
  return result;
}

Deno.test("what one machine pulled, another pulls by digest with the registry away", async () => {
  await using upstream = await TestRegistry.start();
  await using s3 = await S3Server.start();
  upstream.add("app", APP, "v1");
  using a = new TestUser();
  configure(a, s3, { write: true });
  const cold = await good(a, s3, ["pull", upstream.reference("app", "v1")]);

  upstream.fail("", status(500));
  upstream.clearLog();
  using b = new TestUser();
  configure(b, s3);
  const byDigest = `${upstream.host}/app@${APP.descriptor.digest}`;
  const shared = await good(b, s3, ["pull", byDigest]);

  assert.match(
    cold.stderr,
    /wrote 4 objects \(64\.\d+ KiB\) to the shared cache s3:\/\/test-bucket\/team/,
  );
  assert.match(shared.stderr, /fetched 2 layers \(64\.\d+ KiB\), reused nothing \(shared\)/);
  assert.deepEqual(upstream.requests(), []);
});
