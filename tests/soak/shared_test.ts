import assert from "node:assert/strict";
import { blob, image, randomBytes } from "../support/cache/artifacts.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { assertShared } from "../support/cli/two_machines.ts";
import { Gate } from "../support/gate.ts";
import { heldAfter } from "../support/registry/faults.ts";
import { S3Engine, VERSITYGW } from "../support/registry/s3_engine.ts";
import { S3Server } from "../support/registry/s3_server.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";

const LAYER = blob(randomBytes(1024 * 1024, "shared"));
const APP = image([LAYER]);

Deno.test({
  name: `machines share images, packages and builds in versitygw${
    VERSITYGW ? "" : " (needs versitygw)"
  }`,
  ignore: VERSITYGW === undefined,
  fn: async (t) => {
    await using engine = await S3Engine.versitygw();
    const { environment: env } = engine;
    await t.step("with its login", () => assertShared({ shared: engine.settings(), env }));
    await using upstream = await TestRegistry.start();
    const reference = upstream.add("app", APP, "v1");
    const faults: [name: string, settings: object, env: Record<string, string>, warning: RegExp][] =
      [
        ["a wrong key", {}, { AWS_SECRET_ACCESS_KEY: "wrong" }, /SignatureDoesNotMatch/],
        ["no login", {}, { AWS_ACCESS_KEY_ID: "" }, /answered 403 \(AccessDenied/],
        ["no bucket", { url: "s3://no-bucket" }, {}, /answered 404 \(NoSuchBucket/],
        ["another region", { region: "eu-central-1" }, {}, /answered 400/],
      ];
    for (const [name, settings, variables, warning] of faults) {
      await t.step(`not with ${name}, which fails no pull`, async () => {
        using user = new TestUser();
        const shared = engine.settings({ write: true, ...settings });
        user.write(".config/larder/config.yaml", { shared });
        const pulled = await user.larder(["pull", reference], { env: { ...env, ...variables } });
        assert.equal(pulled.code, 0, pulled.stderr);
        assert.equal(pulled.stderr.match(/^warning:/gm)?.length, 1, pulled.stderr);
        assert.match(pulled.stderr, warning);
      });
    }
  },
});

Deno.test("pull goes on to the registry if the shared cache never sends the last byte", async () => {
  await using upstream = await TestRegistry.start();
  await using s3 = await S3Server.start();
  const reference = upstream.add("app", APP, "v1");
  const run = async (settings: object) => {
    using user = new TestUser();
    user.write(".config/larder/config.yaml", { shared: s3.settings(settings) });
    const result = await user.larder(["pull", reference], { env: s3.environment });
    assert.equal(result.code, 0, result.stderr);
    return result;
  };
  await run({ write: true });
  const gate = new Gate();
  const { digest, size } = LAYER.descriptor;
  s3.fail(`GET /${S3Server.bucket}/team/data/${digest}`, heldAfter(size - 1, gate));
  const { stderr } = await run({});
  assert.equal(stderr.match(/^warning:/gm)?.length, 1, stderr);
  assert.match(stderr, /warning: skipping the shared cache .* sent nothing for 10 s/);
  assert.equal(upstream.downloads(LAYER).length, 2);
  gate.open();
});
