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

const PLACES: [string, object | undefined, string][] = [
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
    "both, of which the old ones win",
    { ociRegistry: "old.example", oci: { registry: "new.example", namespacePrefix: "n/" } },
    "old.example/n/user/hello:1.0.0",
  ],
  [
    "OCI beside warg",
    { oci: { registry: "ghcr.io" }, warg: { url: "https://w" } },
    "ghcr.io/user/hello:1.0.0",
  ],
];

for (const [name, metadata, place] of PLACES) {
  Deno.test(`where a package is: ${name}`, () => {
    assert.equal(reference("reg.example", metadata), place);
  });
}

const REFUSED: [string, string, object | undefined, string, ErrorCode][] = [
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
  ["a version that is no tag", "reg.example", undefined, "1.0.0+build", "LDR_BAD_REFERENCE"],
];

for (const [name, registry, metadata, version, code] of REFUSED) {
  Deno.test(`a package's place is refused: ${name}`, () => {
    assert.throws(() => reference(registry, metadata, version), (error) => hasCode(error, code));
  });
}

/** Answers everything with one response, and remembers what was asked. */
class Answering implements Transport {
  readonly requests: HttpRequest[] = [];
  constructor(readonly status: number, readonly body: string) {}

  send(request: HttpRequest): Promise<Response> {
    this.requests.push(request);
    return Promise.resolve(new Response(this.body, { status: this.status }));
  }
}

Deno.test("metadata is asked for at the well-known address", async () => {
  const transport = new Answering(200, '{"oci":{"registry":"ghcr.io"}}');
  const metadata = await fetchMetadata("Reg.Example:8443", transport);
  assert.equal(metadata?.oci?.registry, "ghcr.io");
  assert.deepEqual(transport.requests.map(({ method, url }) => `${method} ${url}`), [
    "GET https://reg.example:8443/.well-known/wasm-pkg/registry.json",
  ]);
});

for (
  const [name, status, body] of [
    ["nothing there", 404, "not found"],
    ["a login", 401, '{"errors":[]}'],
    ["a web page", 200, "<html>"],
    ["another success", 202, "{}"],
  ] as const
) {
  Deno.test(`a registry without metadata: ${name}`, async () => {
    assert.equal(await fetchMetadata("reg.example", new Answering(status, body)), undefined);
  });
}

for (
  const [name, status, body, code] of [
    ["no object", 200, "1", "LDR_BAD_RESPONSE"],
    ["members of other types", 200, '{"oci":{"registry":1}}', "LDR_BAD_RESPONSE"],
    ["a server that fails", 503, "", "LDR_SERVER_ERROR"],
    ["a limit", 429, "", "LDR_RATE_LIMITED"],
  ] as const
) {
  Deno.test(`metadata that cannot be had: ${name}`, async () => {
    await assert.rejects(
      fetchMetadata("reg.example", new Answering(status, body)),
      (error) => hasCode(error, code),
    );
  });
}
