import assert from "node:assert/strict";
import * as fc from "fast-check";
import { formatReference, parseReference } from "../../src/oci/reference.ts";
import { matchesName, spellings } from "../../src/store/entry_names.ts";

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
    ["ghcr.io/app:v1", "docker.io/ghcr.io/app:v1", false],
    ["localhost/app", "docker.io/localhost/app:latest", false],
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

Deno.test("spellings of a reference are never those of another reference", () => {
  const part = fc.constantFrom("library", "local", "localhost", "ghcr.io", "a.b", "nginx");
  const typed = fc.tuple(
    fc.constantFrom("", "docker.io/", "ghcr.io/", "localhost:5000/", "local/"),
    fc.array(part, { minLength: 1, maxLength: 3 }),
    fc.constantFrom("", ":latest", ":v1", ":5000", `:v1@sha256:${"a".repeat(64)}`),
  ).map(([registry, parts, end]) => registry + parts.join("/") + end);
  fc.assert(fc.property(typed, (text) => {
    const name = readBack(text);
    for (const spelling of name === undefined ? [] : spellings(name)) {
      const read = readBack(spelling);
      assert(read === name || read === undefined, `${spelling} of ${name} is ${read}`);
    }
  }));
});

/** Returns undefined if a text is no reference, such as one with a short digest. */
function readBack(text: string): string | undefined {
  try {
    return formatReference(parseReference(text));
  } catch {
    return undefined;
  }
}
