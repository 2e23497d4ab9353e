import assert from "node:assert/strict";
import { blob, manifestOf } from "../support/cache/artifacts.ts";
import { assertNoStrayFiles } from "../support/cache/store_check.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { faultTests, MANIFEST } from "../support/registry/fault_cases.ts";
import { body, endlessBody, type Fault, html, withHeader } from "../support/registry/faults.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";

faultTests("pull rejects an invalid manifest", [
  { name: "a web page", on: MANIFEST, fault: html, code: 1, error: "LDR_BAD_MANIFEST" },
  {
    name: "not JSON",
    on: MANIFEST,
    fault: withoutDigest(body("{oops")),
    code: 1,
    error: "LDR_BAD_MANIFEST",
  },
  {
    name: "a JSON array",
    on: MANIFEST,
    fault: withoutDigest(body("[]")),
    code: 1,
    error: "LDR_BAD_MANIFEST",
  },
  {
    name: "empty",
    on: MANIFEST,
    fault: withoutDigest(body("")),
    code: 1,
    error: "LDR_BAD_MANIFEST",
  },
  {
    name: "over 4 MiB",
    on: MANIFEST,
    fault: withoutDigest(body(`{"schemaVersion":2,"pad":"${"x".repeat(4 * 1024 * 1024)}"}`)),
    code: 1,
    error: "LDR_BAD_MANIFEST",
  },
  { name: "endless", on: MANIFEST, fault: endlessBody, code: 1, error: "LDR_BAD_MANIFEST" },
  {
    name: "bytes that do not match the digest header",
    on: MANIFEST,
    fault: withHeader("Docker-Content-Digest", `sha256:${"0".repeat(64)}`),
    code: 5,
    error: "LDR_DIGEST_MISMATCH",
  },
]);

/** Drops the digest header, which would reveal the fault before the manifest is parsed. */
function withoutDigest(fault: Fault): Fault {
  return async (answer, request) => {
    const { headers, ...rest } = await fault(answer, request);
    const { "Docker-Content-Digest": _, ...others } = headers;
    return { ...rest, headers: others };
  };
}

Deno.test("pull exits with 1 and the reason for an unsupported manifest", async (t) => {
  const schema1 = { schemaVersion: 1, name: "app", tag: "v1", fsLayers: [], history: [] };
  const signed = "application/vnd.docker.distribution.manifest.v1+prettyjws";
  const descriptor = blob("x").descriptor;
  const good = { schemaVersion: 2, config: descriptor, layers: [] };
  const oci = "application/vnd.oci.image.manifest.v1+json";
  const cases: [string, unknown, string, RegExp][] = [
    ["schema 1", schema1, "application/vnd.docker.distribution.manifest.v1+json", /schema 1/],
    ["signed schema 1", schema1, signed, /schema 1/],
    ["schema 1 with the Content-Type of OCI", schema1, oci, /schema 1/],
    [
      "an unknown type",
      { ...good, mediaType: "application/vnd.example.v9+json" },
      "application/vnd.example.v9+json",
      /application\/vnd\.example\.v9\+json/,
    ],
    [
      "a path as a digest",
      { ...good, config: { ...descriptor, digest: "../../x" } },
      oci,
      /digest/,
    ],
    ["a negative size", { ...good, config: { ...descriptor, size: -1 } }, oci, /size/],
    [
      "a size beyond the safe integers",
      { ...good, config: { ...descriptor, size: 2 ** 60 } },
      oci,
      /size/,
    ],
    ["layers and manifests both", { ...good, manifests: [] }, oci, /both/],
    ["no config", { schemaVersion: 2, layers: [] }, oci, /config/],
  ];
  for (const [name, document, type, reason] of cases) {
    await t.step(name, async () => {
      await using registry = await TestRegistry.start();
      using user = new TestUser();
      const reference = registry.add("app", manifestOf(document, type), "v1");
      const result = await user.larder(["pull", reference]);
      assert.equal(result.code, 1, result.stderr);
      assert.match(result.stderr, /^error: .*\[LDR_(?:BAD|UNSUPPORTED)_MANIFEST\]\nhint: /m);
      assert.match(result.stderr, reason);
      assertNoStrayFiles(user.registry);
    });
  }
});
