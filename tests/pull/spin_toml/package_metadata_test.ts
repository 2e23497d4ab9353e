import assert from "node:assert/strict";
import * as v from "valibot";
import { type ErrorCode, hasCode } from "../../../src/base/errors.ts";
import { formatReference } from "../../../src/oci/reference.ts";
import {
  fetchMetadata,
  PackageMetadataSchema,
  packageReference,
} from "../../../src/pull/spin_toml/package_metadata.ts";
import type { HttpRequest, Transport } from "../../../src/registry/http/transport.ts";

const HELLO = { namespace: "user", name: "hello" };

const reference = (registry: string, metadata: object | undefined, version = "1.0.0") =>
  formatReference(
    packageReference(
      registry,
      metadata && v.parse(PackageMetadataSchema, metadata),
      HELLO,
      version,
    ),
  );

const REFERENCES: [string, object | undefined, string][] = [
  ["no metadata", undefined, "reg.example/user/hello:1.0.0"],
  ["empty metadata", {}, "reg.example/user/hello:1.0.0"],
  ["only a protocol", { preferredProtocol: "oci" }, "reg.example/user/hello:1.0.0"],
  ["another registry", { oci: { registry: "ghcr.io" } }, "ghcr.io/user/hello:1.0.0"],
  ["a prefix", { oci: { namespacePrefix: "a/b/" } }, "reg.example/a/b/user/hello:1.0.0"],
  [
    "a prefix without a slash",
    { oci: { namespacePrefix: "x-" } },
    "reg.example/x-user/hello:1.0.0",
  ],
  [
    "the old names",
    { ociRegistry: "ghcr.io", ociNamespacePrefix: "wasm/" },
    "ghcr.io/wasm/user/hello:1.0.0",
  ],
  [
    "both names, of which the old ones take precedence",
    { ociRegistry: "old.example", oci: { registry: "new.example", namespacePrefix: "n/" } },
    "old.example/n/user/hello:1.0.0",
  ],
  [
    "OCI beside warg",
    { oci: { registry: "ghcr.io" }, warg: { url: "https://w" } },
    "ghcr.io/user/hello:1.0.0",
  ],
];

for (const [name, metadata, expected] of REFERENCES) {
  Deno.test(`packageReference with ${name}`, () => {
    assert.equal(reference("reg.example", metadata), expected);
  });
}

const REJECTED: [string, string, object | undefined, string, ErrorCode][] = [
  ["only warg", "reg.example", { warg: { url: "https://w" } }, "1.0.0", "LDR_BAD_RESPONSE"],
  ["only warg, by its old name", "reg.example", { wargUrl: "w" }, "1.0.0", "LDR_BAD_RESPONSE"],
  ["another protocol", "reg.example", { preferredProtocol: "local" }, "1.0.0", "LDR_BAD_RESPONSE"],
  [
    "a prefix that leaves the registry",
    "reg.example",
    { oci: { namespacePrefix: "../" } },
    "1.0.0",
    "LDR_BAD_REFERENCE",
  ],
  ["a registry that is a path", "reg.example/x", undefined, "1.0.0", "LDR_BAD_REFERENCE"],
  ["a registry that is one word", "registry", undefined, "1.0.0", "LDR_BAD_REFERENCE"],
  ["a version that is not a tag", "reg.example", undefined, "1.0.0+build", "LDR_BAD_REFERENCE"],
];

for (const [name, registry, metadata, version, code] of REJECTED) {
  Deno.test(`packageReference rejects ${name}`, () => {
    assert.throws(() => reference(registry, metadata, version), (error) => hasCode(error, code));
  });
}

/** Gives every request the same response, and records the requests. */
class FixedTransport implements Transport {
  readonly requests: HttpRequest[] = [];
  constructor(readonly status: number, readonly body: string) {}

  send(request: HttpRequest): Promise<Response> {
    this.requests.push(request);
    return Promise.resolve(new Response(this.body, { status: this.status }));
  }
}

Deno.test("fetchMetadata requests the well-known URL", async () => {
  const transport = new FixedTransport(200, '{"oci":{"registry":"ghcr.io"}}');
  const metadata = await fetchMetadata("Reg.Example:8443", transport);
  assert.equal(metadata?.oci?.registry, "ghcr.io");
  assert.deepEqual(transport.requests.map(({ method, url }) => `${method} ${url}`), [
    "GET https://reg.example:8443/.well-known/wasm-pkg/registry.json",
  ]);
});

for (
  const [name, status, body] of [
    ["a 404", 404, "not found"],
    ["a 401", 401, '{"errors":[]}'],
    ["a web page", 200, "<html>"],
    ["a 202", 202, "{}"],
  ] as const
) {
  Deno.test(`fetchMetadata returns undefined for ${name}`, async () => {
    assert.equal(await fetchMetadata("reg.example", new FixedTransport(status, body)), undefined);
  });
}

for (
  const [name, status, body, code] of [
    ["a document that is not an object", 200, "1", "LDR_BAD_RESPONSE"],
    ["members of other types", 200, '{"oci":{"registry":1}}', "LDR_BAD_RESPONSE"],
    ["a 503", 503, "", "LDR_SERVER_ERROR"],
    ["a 429", 429, "", "LDR_RATE_LIMITED"],
  ] as const
) {
  Deno.test(`fetchMetadata fails with ${code} for ${name}`, async () => {
    await assert.rejects(
      fetchMetadata("reg.example", new FixedTransport(status, body)),
      (error) => hasCode(error, code),
    );
  });
}
