import assert from "node:assert/strict";
import { matchesName } from "../../src/store/entry_names.ts";

for (
  const [pattern, name, expected] of [
    ["docker.io/library/nginx:latest", "docker.io/library/nginx:latest", true],
    ["nginx", "docker.io/library/nginx:latest", true],
    ["nginx:latest", "docker.io/library/nginx:latest", true],
    ["nginx:*", "docker.io/library/nginx:1.27", true],
    ["nginx", "docker.io/library/nginx:1.27", false],
    ["library/nginx", "docker.io/library/nginx:latest", true],
    ["acme/*", "docker.io/acme/app:v1", true],
    ["acme/*", "ghcr.io/acme/app:v1", false],
    ["ghcr.io/acme/app", "ghcr.io/acme/app:latest", true],
    ["ghcr.io/acme/app", "ghcr.io/acme/app:v1", false],
    ["ghcr.io/acme/*", "ghcr.io/acme/team/app@sha256:0", true],
    ["local/app", "local/app:latest", true],
    ["local/app", "docker.io/local/app:latest", false],
    ["docker.io/local/app", "docker.io/local/app:latest", true],
    ["*", "debian/hello/2.10/amd64", true],
    ["debian/*", "debian/hello/2.10/amd64", true],
    ["0123456789ab/jco-1.10.2-1", `sha256:0123456789ab${"c".repeat(52)}/jco-1.10.2-1`, true],
    ["0123456789ab/*", `sha256:0123456789ab${"c".repeat(52)}/jco-1.10.2-1`, true],
    ["0123456789ab", `sha256:0123456789ab${"c".repeat(52)}/jco-1.10.2-1`, false],
    [
      "ghcr.io/acme/app@sha256:0123456789ab",
      `ghcr.io/acme/app@sha256:0123456789ab${"c".repeat(52)}`,
      true,
    ],
    ["0123456789ab", `ghcr.io/acme/app@sha256:0123456789ab${"c".repeat(52)}`, false],
  ] as const
) {
  Deno.test(`matchesName: "${pattern}" ${expected ? "matches" : "does not match"} ${name}`, () => {
    assert.equal(matchesName(pattern, name), expected);
  });
}
