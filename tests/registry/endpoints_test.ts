import assert from "node:assert/strict";
import { parseDigest } from "../../src/oci/digest.ts";
import { apiBase, blobUrl, isLoopback, manifestUrl } from "../../src/registry/endpoints.ts";

const DIGEST = parseDigest(`sha256:${"0a".repeat(32)}`);

const BASES: [string, string][] = [
  ["ghcr.io", "https://ghcr.io/v2/"],
  ["docker.io", "https://registry-1.docker.io/v2/"],
  ["localhost:5000", "https://localhost:5000/v2/"],
  ["[::1]:5000", "https://[::1]:5000/v2/"],
  ["docker.io:443", "https://docker.io/v2/"],
];

for (const [registry, url] of BASES) {
  Deno.test(`apiBase of ${registry}`, () => assert.equal(apiBase(registry).href, url));
}

Deno.test("manifestUrl and blobUrl are below the repository", () => {
  assert.equal(
    manifestUrl({ registry: "ghcr.io", repository: "a/b" }, "v1.0_x").href,
    "https://ghcr.io/v2/a/b/manifests/v1.0_x",
  );
  assert.equal(
    manifestUrl({ registry: "ghcr.io", repository: "a/b" }, DIGEST).href,
    `https://ghcr.io/v2/a/b/manifests/${DIGEST}`,
  );
  assert.equal(
    blobUrl({ registry: "docker.io", repository: "library/x" }, DIGEST).href,
    `https://registry-1.docker.io/v2/library/x/blobs/${DIGEST}`,
  );
});

const HOSTS: [string, boolean][] = [
  ["localhost", true],
  ["LOCALHOST", true],
  ["reg.localhost", true],
  ["127.0.0.1", true],
  ["127.255.0.3", true],
  ["::1", true],
  ["[::1]", true],
  ["localhost.example.com", false],
  ["notlocalhost", false],
  ["127.0.0.1.example.com", false],
  ["foo.svc.localhost", true],
  ["foo.svc.local", false],
  ["my127.0.0.1registry.io", false],
  ["[2001:db8::1]", false],
  ["127.example.com", false],
  ["128.0.0.1", false],
  ["0.0.0.0", false],
  ["10.0.0.1", false],
  ["[::2]", false],
  ["[::ffff:7f00:1]", false],
  ["", false],
];

for (const [host, near] of HOSTS) {
  Deno.test(`isLoopback is ${near} for "${host}"`, () => {
    assert.equal(isLoopback(host), near);
  });
}
