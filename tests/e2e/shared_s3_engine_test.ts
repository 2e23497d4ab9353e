import assert from "node:assert/strict";
import { TestUser } from "../support/cli/test_user.ts";
import { assertShared } from "../support/cli/two_machines.ts";
import { image } from "../support/cache/artifacts.ts";
import { MOTO, S3Engine } from "../support/registry/s3_engine.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";

Deno.test({
  name: `machines share in moto's S3, also as a web identity of its STS${
    MOTO ? "" : " (needs moto_server of moto[server], PyPI)"
  }`,
  ignore: MOTO === undefined,
  fn: async () => {
    await using engine = await S3Engine.moto();
    await assertShared({ shared: engine.settings(), env: engine.environment });
    await using upstream = await TestRegistry.start();
    using user = new TestUser();
    user.write(".config/larder/config.yaml", { shared: engine.settings({ write: true }) });
    const env = {
      AWS_ROLE_ARN: "arn:aws:iam::123456789012:role/ci",
      AWS_WEB_IDENTITY_TOKEN_FILE: user.write("jwt", "header.payload.signature"),
      AWS_ENDPOINT_URL_STS: engine.endpoint,
    };
    const reference = upstream.add("app", image(["of a web identity"]), "v1");
    const { code, stderr } = await user.larder(["pull", reference], { env });
    assert.equal(code, 0, stderr);
    assert.match(stderr, /wrote 3 objects/);
    assert.match(engine.log, /"POST \/ HTTP\/1\.1" 200/);
  },
});
