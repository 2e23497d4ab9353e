import assert from "node:assert/strict";
import { multiPlatform } from "../support/cache/artifacts.ts";
import { assertNoStrayFiles, assertStoreSound } from "../support/cache/store_check.ts";
import { GO, READ_ONLY, runConformance } from "../support/cli/conformance.ts";
import { ServingRegistry } from "../support/cli/serving_registry.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { DockerRegistry } from "../support/registry/docker_registry.ts";
import { push } from "../support/registry/push.ts";

Deno.test({
  name: `serve passes the conformance suite in read-only mode${GO ? "" : " (needs go)"}`,
  ignore: GO === undefined,
  fn: async () => {
    await using registry = await DockerRegistry.start();
    using user = new TestUser();
    await using serving = await ServingRegistry.start(user);
    const artifact = multiPlatform("linux/amd64", "linux/arm64");
    await push(registry.url, "app", artifact, "v1");
    const [child] = artifact.children;
    const repository = `${registry.host}/app`;
    const { digest } = artifact.descriptor;
    const { passed, failed, report } = await runConformance({
      ...READ_ONLY,
      REGISTRY: serving.host,
      REPO1: repository,
      REPO2: repository,
      RO_DATA_TAGS: "v1",
      RO_DATA_MANIFESTS: `${digest} ${child!.descriptor.digest}`,
      RO_DATA_BLOBS: child!.blobs.map(({ descriptor }) => descriptor.digest).join(" "),
      RO_DATA_REFERRERS: digest,
    });
    assert.equal(failed, 0, report);
    assert.ok(passed >= 16, report);
  },
});

Deno.test({
  name: `serve passes the conformance suite for local pushes${GO ? "" : " (needs go)"}`,
  ignore: GO === undefined,
  fn: async () => {
    using user = new TestUser();
    await using serving = await ServingRegistry.start(user);
    const { passed, failed, report } = await runConformance({
      VERSION: "dev",
      REGISTRY: serving.host,
      REPO1: "local/repo1",
      REPO2: "local/repo2",
    });
    assert.equal(failed, 0, report);
    assert.ok(passed >= 986, report);
    await serving.stop();
    assertStoreSound(user.registry);
    assertNoStrayFiles(user.registry);
  },
});
